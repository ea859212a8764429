"""When to use each norm, in a few sentences, and the formula where a docstring leaves it out."""

WHEN = {
  'batch': """
    The default of convolutional nets for images, trained with a fixed batch size of about 16 or
    more on each device. Examples of a batch influence each other, and evaluation uses other
    statistics than training does: look elsewhere for small batches, for sequences of unequal length
    without a mask, and where training and evaluation data differ. Over several devices, give
    `axis_name` if each device's share of the batch is small.""",
  'layer': """
    The default of transformers and of anything that reads sequences. It does not look at other
    examples, so that batch size, padding and evaluation change nothing. With few features it takes
    away much of what an example says: over a single feature nothing passes it.""",
  'group': """
    For convolutional nets whose batches are too small for batch norm (detection, segmentation,
    video, large images). It does the same in training and in evaluation. The number of groups must
    divide the channels.""",
  'instance': """
    For style transfer and image generation, where the contrast of a single image should not matter.
    In classification that contrast is often worth keeping. Over a single position nothing passes
    it.""",
  'rms': """
    A cheaper layer norm: it does not subtract the mean and has no bias. Usual in recent language
    models, and on queries and keys of attention.""",
  'weight': """
    Where activations must not be normalised: small or no batches, recurrent nets, reinforcement
    learning, generative models. It changes the coordinates of a kernel, not what a net can compute;
    at first the net is the same as without it, so it does not save a start at a bad scale.
    `weight_norm_init` sets length and bias from a first batch.""",
  'spectral': """
    To bound how much a layer can stretch its input: discriminators of GANs, nets that must be
    Lipschitz. It keeps a vector per kernel between steps, which training updates.""",
  'batch_renorm': """
    Batch norm for small or dependent batches: training is pulled towards what evaluation will see.
    Start with r_max=1 and d_max=0 (batch norm) and widen both during training, as the paper does;
    both can be given in each call.""",
  'ghost': """
    For large batches that generalise worse than small ones: it brings back the noise of small-batch
    statistics. The ghost size must divide the batch.""",
  'mean_only': """
    Together with weight norm, which takes care of the scale: centred activations with less noise
    than batch norm's. Like batch norm it needs running statistics for evaluation.""",
  'positional': """
    In generators and encoder-decoders: what it takes away (the mean and deviation of each position)
    is handed to a later layer with `moment_shortcut`, where structure would otherwise be lost.""",
  'unit': """
    Where only the direction of a vector matters: embeddings that are compared by their cosine,
    queries and keys.""",
  'scale': """
    In transformers, in place of layer norm, for one learnt number instead of two vectors. All
    vectors get the same length.""",
  'filter_response': """
    In convolutional nets, for any batch size, without batch statistics. Use it with its threshold,
    which replaces the ReLU: the mean is not subtracted. It needs several positions; for 1x1 maps
    let it learn its epsilon (`use_learnt_epsilon=True`).""",
  'global_response': """
    Inside a block, after the wide layer, as in ConvNeXt V2: channels compete, so that they do not
    all come to say the same. It starts as the identity and is no replacement for layer norm.""",
  'local_response': """
    To reproduce AlexNet and nets of its time. It learns nothing; later norms have replaced it.""",
  'switchable': """
    Where you do not know which statistics suit a net: it learns how much of instance, layer and
    batch statistics to use, in each layer. It costs the statistics of all three.""",
  'evonorm_b0': """
    In place of batch norm and its activation together, in convolutional nets with large batches.
    Leave the activation out after it. The larger of two deviations counts: for the entry in the
    figure it is that of its own example.""",
  'evonorm_s0': """
    In place of group norm and its activation together, in convolutional nets, for any batch size.
    Leave the activation out after it.""",
  'dyt': """
    In transformers, in place of layer or RMS norm, where statistics cost too much. alpha matters:
    0.5 suits most nets, large language models want less.""",
  'derf': """
    As DyT, with erf and a learnt shift; its paper finds it more accurate than DyT.""",
  'weight_standardization': """
    In convolutional nets with small batches, together with group norm, as in Big Transfer. It acts
    on kernels and costs nothing per example.""",
  'scaled_weight_standardization': """
    In nets without norms of activations (NFNets): it keeps the variance of activations from layer
    to layer if the activation is multiplied by `activation_gain`.""",
}

# Where the docstring refers to another norm's formula.
FORMULA = {
  'group': """
    z = (x - mean) / sqrt(var + epsilon) * scale + bias
    mean, var: per example and group of channels, over positions and the channels of the group""",
  'instance': """
    z = (x - mean) / sqrt(var + epsilon) * scale + bias
    mean, var: per example and channel, over positions""",
  'ghost': """
    z = (x - mean) / sqrt(var + epsilon) * scale + bias
    mean, var: per ghost of ghost_size consecutive examples and feature""",
  'weight_standardization': """
    w_hat = (w - mean) / sqrt(var + epsilon)
    mean, var: per output feature, over its weights""",
}

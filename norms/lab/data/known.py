"""What is known of each data set before a file of it is read: sizes, original files, checksums."""

from collections.abc import Mapping
import dataclasses


@dataclasses.dataclass(frozen=True)
class File:
  """An original file: its size in bytes and its sha256, '' where nobody has published one."""

  size: int
  sha256: str = ''


# Names of the files, by what they hold.
Form = Mapping[str, File]


@dataclasses.dataclass(frozen=True)
class Known:
  """A data set: its splits, its images, and the forms in which its originals are found.

  `forms[0]` is what is downloaded; the others are what it holds, unpacked. `folders` are the names
  that the originals' own archives and other libraries give to the folder.
  """

  train: int
  test: int
  shape: tuple[int, int, int]  # (height, width, channels)
  top: int  # the largest value of a pixel
  layout: str = 'image'  # unless config.data.layout says otherwise
  classes: int = 10
  forms: tuple[Form, ...] = ()
  folders: tuple[str, ...] = ()
  url: str = ''  # of the folder that has the files of forms[0]


# (file, bytes and sha256 of the .gz, sha256 of what it holds)
_MNIST = (
  ('train-images-idx3-ubyte', 9912422,
   '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
   'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db'),
  ('train-labels-idx1-ubyte', 28881,
   '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
   '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5'),
  ('t10k-images-idx3-ubyte', 1648877,
   '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
   '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7'),
  ('t10k-labels-idx1-ubyte', 4542,
   'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
   'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'),
)  # fmt: skip
_FASHION = (
  ('train-images-idx3-ubyte', 26421880,
   '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
   'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'),
  ('train-labels-idx1-ubyte', 29515,
   'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
   'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'),
  ('t10k-images-idx3-ubyte', 4422102,
   '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
   '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'),
  ('t10k-labels-idx1-ubyte', 5148,
   '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
   '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'),
)  # fmt: skip


def idx_size(examples: int, file: str) -> int:
  """Bytes of an unpacked IDX file of 28x28 images or of labels."""
  return 16 + 784 * examples if 'idx3' in file else 8 + examples


def _idx(rows) -> tuple[Form, ...]:
  """The .gz files, and what they hold under the two spellings in use."""
  plain = {
    name: File(idx_size(60000 if name.startswith('train') else 10000, name), content)
    for name, _, _, content in rows
  }
  return (
    {f'{name}.gz': File(size, sha256) for name, size, sha256, _ in rows},
    plain,
    {name.replace('-idx', '.idx'): file for name, file in plain.items()},
  )


BATCHES = (*(f'data_batch_{i}.bin' for i in range(1, 6)), 'test_batch.bin')
_CIFAR10 = (
  {'cifar-10-binary.tar.gz': File(
    170052171, 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd')},
  {name: File(10000 * (1 + 32 * 32 * 3)) for name in BATCHES},
)  # fmt: skip

DATA: dict[str, Known] = {
  # Embedded in scikit-learn: nothing to find or to download.
  'digits': Known(1442, 355, (8, 8, 1), top=16, layout='flat'),
  'fashion_mnist': Known(60000, 10000, (28, 28, 1), top=255, forms=_idx(_FASHION),
                         folders=('FashionMNIST/raw', 'data/fashion'),
                         url='http://fashion-mnist.s3-website.eu-central-1.amazonaws.com'),
  'mnist': Known(60000, 10000, (28, 28, 1), top=255, forms=_idx(_MNIST), folders=('MNIST/raw',),
                 url='https://storage.googleapis.com/cvdf-datasets/mnist'),
  'cifar10': Known(50000, 10000, (32, 32, 3), top=255, forms=_CIFAR10,
                   folders=('cifar-10-batches-bin',), url='https://www.cs.toronto.edu/~kriz'),
}  # fmt: skip

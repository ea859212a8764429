"""Benchmarks: ratios against a peer of the same run, compilation apart from running.

python -m tests.benchmarks            all, full size
python -m tests.benchmarks lab        one of them
python -m tests.benchmarks models --only=resnet,vit
python -m tests.benchmarks --tiny     the code once, for correctness; its times mean nothing
"""

"""What made the embedded model and its pictures: the picture world, the training stages, the drawn data.

Modules:
    edition: all that the picture world has, and which part of it a model knows
    world: scenes whose every factor is known, and how they are painted
    artwork, places, styles: the drawings, the backgrounds, the filters
    samples: training scenes, pictures as tensors, augmentation, the judge's labels
    tokenizer: the vocabulary, and the text tower that reads it
    patch_pca: a linear code of pictures, which the first channels of the latents follow
    loop: a training loop that can be killed at any moment and goes on where it was
    muon: an optimiser that learns faster
    stages: one file a stage of the training
    train: the command line of the stages
    cost: how much arithmetic each stage takes
    joint_sheet: pictures of the model with joint attention, at several numbers of steps
    make_data: draws the lesson pictures and the benchmark
    folders: where all of it lies
"""

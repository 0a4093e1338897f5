"""The stages of the training, one file each: autoencoder, unet, decoder, judge, eye, clip, export."""

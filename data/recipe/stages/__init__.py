"""The stages of the training, one file each: code, autoencoder, unet, decoder, judge, perceptual_encoder,
clip, export."""

"""The code that an autoencoder makes of a picture: kept in files, mapped, and learnt for any table."""

"""The code that an autoencoder makes of a picture: kept in files, mapped, and learnt for any table."""

from pellucid.cpus import wait_passively

wait_passively()  # before any module here imports torch

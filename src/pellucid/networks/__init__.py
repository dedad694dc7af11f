"""The networks, each one file that reads from top to bottom."""

from pellucid.cpus import wait_passively

wait_passively()  # before any module here imports torch

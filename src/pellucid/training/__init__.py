"""From a recipe to a run folder."""

from pellucid.cpus import wait_passively

wait_passively()  # before any module here imports torch

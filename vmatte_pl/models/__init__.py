"""Backbones, adapters and what is built of them: plain PyTorch, frames in, alpha out."""

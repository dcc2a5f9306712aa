"""Fine-tuning the descriptor network together with the hash (PyTorch)."""

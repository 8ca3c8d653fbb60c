"""Training: which weights learn, features of a frozen backbone, the exact head, fine-tuning."""

"""What each part of the method is worth: the arms of the ablation, trained and measured alike."""

"""Microsoft Cognitive Services: Computer Vision `/tag`, v1.0 to v3.2, and Image Analysis 4.0."""

"""What a program says about itself: version, and the licences of all that it contains."""

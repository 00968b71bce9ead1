"""The Tk window: views over a model that knows no Tk."""

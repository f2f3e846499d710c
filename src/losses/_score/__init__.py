"""The command `python -m losses score`: the losses of logits in files, in bounded memory."""

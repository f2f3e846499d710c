"""Rules that the tests are ready for and the library is not; they go when it is."""

# Rule 29: an entry of weight 0 has the loss 0 and the gradient 0, whatever it holds.
WEIGHT_0_IS_ABSENT = True

# Rule 31: every `*_value_and_grad` takes grad_output.
FUSED_TAKE_GRAD_OUTPUT = True

"""The command line: ``python -m losses`` trains a model on real data and checks the results.

``python -m losses score`` computes the losses of logits in a file;
``python -m losses --version`` prints the version.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import __version__
from ._demo import softmax_regression as demo

DESCRIPTION = """\
Train a softmax regression on Fisher's iris with NumPy and losses. Then check three things: that
cross_entropy equals nll_loss of log_softmax, that the gradient of cross_entropy agrees with finite
differences, and that cross_entropy keeps its digits where the textbook's formula gives 0. The exit
status is 0 if every check passes, and 1 if not."""

SCORE = """\
python -m losses score LOGITS.npy TARGET.npy computes the cross entropy of logits in a file. The
file may be larger than the memory. python -m losses score --help explains the options."""

INTRODUCTION = """\
Softmax regression on Fisher's iris: from four measurements of a flower, which of
three species is it? A fixed seed draws {held_out} of the 150 flowers to be held out; the
model never learns from them. The others train it, in batches of {batch};
cross_entropy_value_and_grad gives the loss and the gradient of each batch.

epoch    loss    the mean over the batches; a guess among three costs log 3 = 1.0986"""

CONCLUSION = """
Accuracy: the share of flowers whose species the model finds.
    training flowers               {r.training_accuracy:.3f}
    held-out flowers               {r.held_out_accuracy:.3f}     must be at least {required}

Identity: cross_entropy(x, t) = nll_loss(log_softmax(x), t) at the final logits x
of every flower.
    largest difference             {r.identity_gap:<7.2g}   must be exactly 0

Gradient: cross_entropy_backward against (f(x + h) - f(x - h)) / 2h at the final
logits, with f the cross_entropy and h = eps**(1/3), eps = 2.2e-16.
    largest relative difference    {r.gradient_gap:.1e}   must be at most {r.gradient_bound:.1e},
                                             the quotient's own error

Tail: a model is right and almost certain, with logits (80, 0) and target 0. The loss
is log(1 + exp(-80)); the textbook's formula is -log(exp(80) / (exp(80) + 1)).
    losses.cross_entropy           {r.tail_loss:<7.2g}   must be right to 8 units in the last place
    the textbook's formula         {r.textbook_loss:<7.2g}   since 1 + exp(-80) rounds to 1
"""

NEXT = """
Next:
    python -c "import losses; help(losses.cross_entropy)"   what one function does
    python -m losses score --help                           losses of logits in files
    docs/quickstart.md, in the repository                   train and evaluate a model"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration, or the command that is named first; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["score"]:
        from ._score import command  # imported here: the demonstration does without

        return command.main(given[1:])
    parser = argparse.ArgumentParser(
        prog="python -m losses",
        usage="%(prog)s [-h] [--version] [score ...]",
        description=DESCRIPTION,
        epilog=SCORE,
    )
    parser.add_argument("--version", action="version", version=f"losses {__version__}")
    parser.parse_args(given)
    return demonstrate()


def demonstrate() -> int:
    """Run the demonstration and print it; return 0 if its checks pass, else 1."""
    result = demo.run()
    print(INTRODUCTION.format(held_out=demo.HELD_OUT, batch=demo.BATCH))
    for epoch, loss in enumerate(result.epoch_losses, start=1):
        print(f"{epoch:5}  {loss:.4f}")
    print(CONCLUSION.format(r=result, required=demo.REQUIRED_ACCURACY))
    failures = result.failures()
    print(f"FAILED: {', '.join(failures)}." if failures else f"All checks passed.\n{NEXT}")
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())

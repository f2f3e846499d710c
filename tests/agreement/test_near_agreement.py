"""The errors of kl_div_with_logits near its teacher, and those of its peers: docs/numerics.md.

The table there is measured again here, as far as the order of magnitude: the last digits depend on
the processor. `python -m tests.agreement.test_near_agreement` prints it.
"""

from pathlib import Path

import numpy as np
import pytest
from tests.accuracy import exact

import losses

torch = pytest.importorskip("torch")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

PAGE = Path(__file__).parents[2] / "docs" / "numerics.md"
HEAD = "| largest relative error of the loss; of the gradient |"
DIFFERENCES = [1e-8, 1e-6, 1e-4, 1e-2, 1.0, 10.0, 100.0]
LOST = "lost"


def of_losses(x, y):
    return losses.kl_div_with_logits_value_and_grad(x, y, reduction="none")


def of_torch(x, y):
    student = torch.from_numpy(x).requires_grad_()
    log_p, q = student.log_softmax(1), torch.from_numpy(y).softmax(1)
    loss = torch.nn.functional.kl_div(log_p, q, reduction="none").sum(1)
    loss.sum().backward()
    return loss.detach().numpy(), student.grad.numpy()


def of_optax(x, y):
    def each(student):
        return optax.kl_divergence(jax.nn.log_softmax(student), jax.nn.softmax(y))

    with jax.enable_x64(True):
        return np.asarray(each(x)), np.asarray(jax.grad(lambda student: each(student).sum())(x))


CONTENDERS = {"losses": of_losses, "PyTorch": of_torch, "optax": of_optax}


def pairs(dtype, difference):
    """Return the logits of 40 students and teachers, which are hardly to rather sure."""
    rng = np.random.default_rng(0)
    teacher = rng.standard_normal((40, 10)) * np.geomspace(0.5, 10, 40)[:, np.newaxis]
    teacher = teacher.astype(dtype)
    return (teacher + difference * rng.standard_normal(teacher.shape)).astype(dtype), teacher


def measured(dtype, difference):
    """Return the largest error of each contender, of the loss and of the gradient.

    The error of a loss is relative to it, that of a gradient to its largest entry.
    """
    x, y = pairs(dtype, difference)
    rows = [
        (exact.kl_div_with_logits(*row), exact.kl_div_with_logits_backward(*row), *row)
        for row in zip(x, y, strict=True)
    ]
    found = {}
    for name, answer in CONTENDERS.items():
        errors = [[0.0], [0.0]]
        for (loss, gradient, *_), value, entries in zip(rows, *answer(x, y), strict=True):
            if loss:
                errors[0].append(float(abs(exact.decimals(value) - loss) / loss))
                largest = max(map(abs, gradient))
                errors[1] += [
                    float(abs(a - b) / largest)
                    for a, b in zip(exact.decimals(entries), gradient, strict=True)
                ]
        found[name] = [max(each) for each in errors]
    return found


def shown(error):
    """Return an error as the table has it: rounded up to a digit."""
    if error >= 1:
        return LOST
    digits = f"{error:.0e}"
    return digits if float(digits) >= error else f"{error * 1.5:.0e}"


def lines():
    """Return the table."""
    yield f"{HEAD} {' | '.join(CONTENDERS)} |"
    yield "|---" * (1 + len(CONTENDERS)) + "|"
    for dtype in (np.float32, np.float64):
        for difference in DIFFERENCES:
            cells = ["; ".join(map(shown, each)) for each in measured(dtype, difference).values()]
            yield f"| {dtype.__name__}, apart by {difference:.0e} | {' | '.join(cells)} |"


def stated():
    """Yield the cells of each row of the page's table."""
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index(HEAD) :].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def number(cell):
    return [np.inf if part == LOST else float(part) for part in cell.split("; ")]


@pytest.mark.parametrize("difference", DIFFERENCES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_page_has_the_errors_near_the_teacher(dtype, difference):
    label = f"{dtype.__name__}, apart by {difference:.0e}"
    ((_, *cells),) = (row for row in stated() if row[0] == label)
    for (name, errors), cell in zip(measured(dtype, difference).items(), cells, strict=True):
        for error, limit in zip(errors, number(cell), strict=True):
            if name == "losses":
                assert error <= 10 * limit < 1
            else:
                assert error >= min(limit, 1) / 10


if __name__ == "__main__":
    print("\n".join(lines()))

"""Run by peers.py in the peers' own environment: DeepCTR-Torch's AFM on the same rows. Prints one JSON line.

Arguments: a .npz of rows, seconds to spend on each figure. The loop is the one of its BaseModel.fit: the same
optimiser, loss and regularisation, without its progress bar and data loader, which would only slow it.
"""

import json
import os
import sys
import time

import numpy as np
import torch
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import AFM

SIZE, BATCH = 16, 4_096


def rate(work, rows, limit):
    """Rows per second of the fastest call within the time."""
    best, end = float("inf"), time.perf_counter() + limit
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return rows / best


def main():
    file, limit = sys.argv[1], float(sys.argv[2])
    torch.manual_seed(1)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    found = np.load(file)
    indices = found["indices"] - found["starts"]
    columns = [
        SparseFeat(f"f{at}", int(width), embedding_dim=SIZE) for at, width in enumerate(found["widths"])
    ]
    model = AFM(columns, columns, attention_factor=SIZE, l2_reg_att=0, l2_reg_linear=0, l2_reg_embedding=0)
    model.compile("adam", "binary_crossentropy")
    inputs = torch.from_numpy(indices[:BATCH]).float()
    labels = torch.from_numpy(found["labels"][:BATCH]).float()

    def train():
        model.train()
        outputs = model(inputs).squeeze()
        model.optim.zero_grad()
        loss = model.loss_func(outputs, labels, reduction="sum") + model.get_regularization_loss()
        loss.backward()
        model.optim.step()

    def predict():
        model.eval()
        with torch.no_grad():
            model(inputs)

    train()
    line = {"trained": round(rate(train, BATCH, limit)), "predicted": round(rate(predict, BATCH, limit))}
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

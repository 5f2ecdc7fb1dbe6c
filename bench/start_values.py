"""Which spread of start values suits FM: held-out logloss by `embedding_deviation`, mean of two seeds.

Generated rows (planted.py), all 39 fields, and the first 20 and 10 of them. One table; higher is worse.
"""

import numpy as np
import planted

from confide.algorithms import metrics, registry
from confide.algorithms.base import Batch, Whole

ROWS, HELD_OUT, SEEDS = 150_000, 30_000, (0, 1)
FIELDS, EPOCHS, DEVIATIONS = (39, 20, 10), (1, 3), (0.1, 0.05, 0.02, 0.01)


def logloss(learn, held, features, **parameters):
    estimator = registry.build("fm", parameters)
    for _ in estimator.fit_shards(
        Whole(learn), holdout=Whole(held), feature_count=features, start=None, keeper=None
    ):
        pass
    return metrics.logloss(held.labels, estimator.predict(held.indices, held.values))


def main():
    codes, labels, _, widths = planted.rows(ROWS)
    print("fields  epochs  " + "".join(f"{deviation:>8}" for deviation in DEVIATIONS))
    for fields in FIELDS:
        indices = np.ascontiguousarray(codes[:, :fields])
        rows = Batch(indices, np.ones(indices.shape, np.float32), labels)
        learn, held = rows.rows(slice(ROWS - HELD_OUT)), rows.rows(slice(ROWS - HELD_OUT, None))
        features = int(sum(widths[:fields]))
        for epochs in EPOCHS:
            found = [
                np.mean(
                    [
                        logloss(
                            learn, held, features, embedding_deviation=deviation, epochs=epochs, seed=seed
                        )
                        for seed in SEEDS
                    ]
                )
                for deviation in DEVIATIONS
            ]
            print(f"{fields:>6}  {epochs:>6}  " + "".join(f"{loss:8.4f}" for loss in found), flush=True)


if __name__ == "__main__":
    main()

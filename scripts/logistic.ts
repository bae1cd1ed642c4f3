/** One labelled statement: its features, what it should score, and how far it counts. */
export interface Example {
  readonly features: readonly number[];
  /** From 0 to 1. */
  readonly target: number;
}

export interface Model {
  readonly weights: readonly number[];
  readonly intercept: number;
}

const STEPS = 1_500;
const RATE = 1.5;

/**
 * Logistic regression by gradient descent on standardised features, with a quadratic penalty. A weight whose direction
 * is 1 or -1 never takes the other sign.
 *
 * @returns weights for the features as they are, not standardised
 */
export function fitLogistic(
  examples: readonly Example[],
  directions: readonly number[],
  penalty: number,
): Model {
  const scales = directions.map((_, at) => scaleOf(examples.map(({ features }) => features[at] ?? 0)));
  const rows = examples.map(({ features, target }) => ({
    target,
    row: features.map((value, at) => (value - (scales[at]?.mean ?? 0)) / (scales[at]?.deviation ?? 1)),
  }));
  let weights = directions.map(() => 0);
  let intercept = 0;
  for (let step = 0; step < STEPS; step++) {
    const slope = directions.map(() => 0);
    let lift = 0;
    for (const { row, target } of rows) {
      const error = 1 / (1 + Math.exp(-dot(weights, row) - intercept)) - target;
      row.forEach((value, at) => {
        slope[at] = (slope[at] ?? 0) + error * value;
      });
      lift += error;
    }
    weights = weights.map((weight, at) => {
      const next = weight - RATE * ((slope[at] ?? 0) / rows.length + penalty * weight);
      return next * (directions[at] ?? 0) < 0 ? 0 : next;
    });
    intercept -= (RATE * lift) / rows.length;
  }
  return {
    weights: weights.map((weight, at) => weight / (scales[at]?.deviation ?? 1)),
    intercept: weights.reduce(
      (sum, weight, at) => sum - (weight * (scales[at]?.mean ?? 0)) / (scales[at]?.deviation ?? 1),
      intercept,
    ),
  };
}

export function logOdds({ weights, intercept }: Model, features: readonly number[]): number {
  return dot(weights, features) + intercept;
}

/** Chance that one of the positives scores above one of the negatives; ties count half. */
export function areaUnderCurve(positives: readonly number[], negatives: readonly number[]): number {
  let wins = 0;
  for (const positive of positives)
    for (const negative of negatives) wins += positive > negative ? 1 : positive === negative ? 0.5 : 0;
  return wins / (positives.length * negatives.length);
}

function dot(weights: readonly number[], row: readonly number[]): number {
  return weights.reduce((sum, weight, at) => sum + weight * (row[at] ?? 0), 0);
}

function scaleOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

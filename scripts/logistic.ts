/** One labelled statement: its features, what it should score, and how far it counts. */
export interface Example {
  readonly features: readonly number[];
  /** From 0 to 1. */
  readonly target: number;
  readonly weight: number;
}

export interface Model {
  readonly weights: readonly number[];
  readonly intercept: number;
}

const STEPS = 600;
const RATE = 0.3;
const MOMENTUM = 0.9;

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
  const total = examples.reduce((sum, { weight }) => sum + weight, 0);
  const shares = examples.map(({ weight }) => weight / total);
  const scales = directions.map((_, at) =>
    scaleOf(
      examples.map(({ features }) => features[at] ?? 0),
      shares,
    ),
  );
  const rows = examples.map(({ features, target }, index) => ({
    target,
    share: shares[index] ?? 0,
    row: features.map((value, at) => (value - (scales[at]?.mean ?? 0)) / (scales[at]?.deviation ?? 1)),
  }));
  const weights = directions.map(() => 0);
  const speeds = directions.map(() => 0);
  let intercept = 0;
  let drift = 0;
  for (let step = 0; step < STEPS; step++) {
    const slopes = directions.map(() => 0);
    let lift = 0;
    for (const { row, target, share } of rows) {
      const error = share * (1 / (1 + Math.exp(-dot(weights, row) - intercept)) - target);
      for (let at = 0; at < row.length; at++) slopes[at] = (slopes[at] ?? 0) + error * (row[at] ?? 0);
      lift += error;
    }
    for (let at = 0; at < weights.length; at++) {
      const weight = weights[at] ?? 0;
      const speed = MOMENTUM * (speeds[at] ?? 0) - RATE * ((slopes[at] ?? 0) + penalty * weight);
      const isAgainst = (weight + speed) * (directions[at] ?? 0) < 0;
      weights[at] = isAgainst ? 0 : weight + speed;
      speeds[at] = isAgainst ? 0 : speed;
    }
    drift = MOMENTUM * drift - RATE * lift;
    intercept += drift;
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

function scaleOf(values: readonly number[], shares: readonly number[]) {
  const mean = values.reduce((sum, value, at) => sum + value * (shares[at] ?? 0), 0);
  const variance = values.reduce((sum, value, at) => sum + (value - mean) ** 2 * (shares[at] ?? 0), 0);
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

/** A statechart as it is drawn: finished coordinates, made while the page is built. Plain JSON. */
export interface Chart {
  readonly id: string;
  readonly version: string;
  /** Structure hash of the machine it shows; a stored run names the one it was made by. */
  readonly hash: string;
  readonly width: number;
  readonly height: number;
  /** Containers before what they contain. */
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
  readonly transitions: readonly ChartTransition[];
}

export interface ChartState extends Box {
  /** Dotted, as in a run's `value`; the machine's own id for its root. */
  readonly path: string;
  readonly key: string;
  readonly depth: number;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "root";
  readonly initial: boolean;
  /** Name of the actor that works while the state is active. */
  readonly actor: string | null;
  readonly description: string;
}

export type Tone = "good" | "bad" | "plain";

/** One line of the drawing; several transitions between the same two boxes share it. */
export interface ChartEdge {
  readonly id: string;
  readonly tone: Tone;
  readonly points: readonly Point[];
  readonly label: (Box & { readonly text: string }) | null;
  readonly transitions: readonly string[];
}

/** One transition of the machine. */
export interface ChartTransition {
  /** `source|event|index`: the index is its place among the candidates for this event. */
  readonly id: string;
  readonly source: string;
  readonly event: string;
  readonly guard: string | null;
  /** Null when the state stays as it is. */
  readonly target: string | null;
  readonly description: string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

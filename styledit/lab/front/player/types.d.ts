// What the player and Python tell each other (styledit/lab/player), and what its parts share.
import type { Bytes, Led, Progress } from "../shared/types.js";

export interface World {
  size: [number, number];
  prompt: string;
  picture: Bytes;
  /** of each index but the last, which is the picture */
  timesteps: number[];
  /** alpha-bar of each index, the picture's included */
  levels: number[];
  words: string[];
  /** width and height */
  mapSize: [number, number];
  hasValues: boolean;
  fittedAt: number | null;
  guidance: number;
  least: number;
  most: number;
}

/** A run's pictures by index, the maps of each word below each other, and their peaks. */
export interface RunPictures {
  z: Bytes[];
  x0: Bytes[];
  maps: Bytes[];
  scales: number[][];
  drift: number[];
  exact: boolean;
}

export interface RunName {
  guidance: number;
  values: boolean;
}

/** The run that answers a request. */
export interface Run extends RunPictures, RunName {
  id: number;
}

/** The newest step of a run on its way: the last two `z` and `drift`. */
export interface FreshStep extends RunName {
  id: number;
  index: number;
  z: Bytes[];
  x0: Bytes;
  maps: Bytes;
  scales: number[];
  drift: number[];
}

export interface Curve extends RunName {
  drift: number[];
}

export interface View {
  index: number;
  direction: "inversion" | "denoising";
  words: string[];
}

/** Python's traits; one that is not there yet is {}. */
export interface Traits {
  world: World;
  inverted: Partial<RunPictures>;
  run: Partial<Run>;
  fresh: Partial<FreshStep>;
  curves: Curve[];
  progress: Progress;
  view: View;
  led: Led;
  problem: string;
}

/** The curves that are drawn: those that are kept, and in front the run that is shown, or one on its way. */
export interface Curves {
  curves: Curve[];
  front: Curve | null;
}

/** Where the player stands: at `index`, of which `at` is shown, with this drift (null where it has none). */
export interface Cursor {
  index: number;
  at: number;
  value: number | null;
  denoising: boolean;
}

export interface Plot {
  svg: SVGSVGElement;
  height: number;
  draw(): void;
  move(cursor: Cursor): void;
}

// What the explorer and Python tell each other (styledit/lab/explorer), and what its parts share.
import type { Anchors, Asker, Bytes, Grid, Led, Model, Palette, Range } from "../shared/types.js";

export type Kind = "cross" | "self";
export type By = "mean" | "step" | "head" | "both";

/** A column of the maps of cross-attention: a word, or "start", "end", "padding". */
export interface Column {
  text: string;
  kind: string;
}

export interface Layer {
  index: number;
  label: string;
  /** height and width of its maps */
  size: [number, number];
  heads: number;
  /** the layer's name where its maps were recorded, else "" */
  cross: string;
  self: string;
}

/** Where a table lies in the bytes. */
export interface TableEntry {
  run: number;
  kind: Kind;
  layer: number;
  by: By;
  h: number;
  w: number;
  planes: number;
  columns: number;
  /** its first scale, of all scales */
  scales: number;
  /** its first value, of all values */
  values: number;
}

/** Maps of one layer: a value is `values[...] * scales[plane, column] / 255`. */
export interface Table extends Omit<TableEntry, "scales" | "values"> {
  scales: Float32Array;
  values: Uint8Array;
}

export interface About {
  size: [number, number];
  steps: number[];
  layers: Layer[];
  heads: number;
  runs: {
    kind: string;
    prompt: string;
    picture: Bytes;
    columns: Column[];
    /** for each column the first run's, where it has one */
    partners: (number | null)[];
    /** the column that names what the picture shows, where the model says which words do */
    named: number | null;
  }[];
  tables: TableEntry[];
  palettes: { sequential: Anchors; diverging: Anchors };
  /** whether there is a kernel behind it */
  live: boolean;
  advice: string;
}

/** One step or head of all layers, as it was asked for. */
export interface Part {
  id: number;
  row: number;
  head: number;
  tables: TableEntry[];
  data: Bytes;
}

/** Where a pixel looks, as it was asked for. */
export interface Looks {
  id: number;
  row: number;
  head: number;
  x: number;
  y: number;
  rows: { run: number; layer: number; data: Bytes }[];
}

export interface Point {
  x: number;
  y: number;
}

/** How the controls stand. Rows and heads: -1 for the mean. */
export interface Chosen {
  run: number;
  view: "raw" | "share" | "difference";
  layer: string;
  head: number;
  row: number;
  scale: "each" | "one" | "held";
  contrast: number;
  share: number;
  smooth: boolean;
  /** locked; a column, and a point in fractions of the picture */
  word: number | null;
  pixel: Point | null;
}

/** A page that was asked for: how far it is, then its name and bytes. */
export interface SavedPage {
  id: number;
  done?: number;
  total?: number;
  name?: string;
  data?: Bytes;
}

/** Python's traits; one that is not there yet is {}. */
export interface Traits {
  about: About;
  data: Bytes;
  part: Partial<Part>;
  looks: Partial<Looks>;
  chosen: Partial<Chosen>;
  saved: Partial<SavedPage>;
  led: Led;
  problem: string;
}

/** The numbers that are here; see data.js. */
export interface Store {
  about: About;
  tables: Map<string, Table>;
  /** by "row/head": what was asked for */
  parts: Map<string, Map<string, Table>>;
  looks: Looks | null;
  /** means that were computed */
  means: Map<string, Maps>;
}

/** A map for each column; null where it has none. `notes` say where they are not exactly what was asked for. */
export interface Maps extends Grid {
  maps: (Float32Array | null)[];
  notes: Set<string>;
}

/** The maps as the controls stand. `others`: those of the other runs' words, on the same colour scale. */
export interface View extends Maps {
  columns: Column[];
  run: number;
  signed: boolean;
  /** columns of words that take nearly everything */
  sinks: Set<number>;
  others: Float32Array[];
}

/** `alone`: of one map only. */
export interface Scale extends Range {
  alone: boolean;
}

/** A view in colour: what is drawn until a control changes. */
export interface Coloured extends View {
  palette: Palette;
  scales: (Scale | null)[];
  canvases: (HTMLCanvasElement | null)[];
  extents: (Range | null)[];
  /** the largest value */
  most: number;
  /** the word that is shown before anything is pointed at */
  first: number;
}

export interface WordButtons {
  root: HTMLElement;
  fill(columns: Column[]): void;
  draw(k: number, grey: HTMLCanvasElement | null, small: HTMLCanvasElement | null, title: string): void;
  mark(shown: number, locked: number | null): void;
}

export interface Bars {
  root: HTMLElement;
  title: HTMLElement;
  fill(columns: Column[]): void;
  set(values: (number | null)[], most: number, signed: boolean, shown: number): void;
}

export interface ColourBar {
  root: HTMLElement;
  set(
    range: Range,
    palette: Palette,
    share: number,
    unit: string,
    clipped: { low: boolean; high: boolean },
  ): void;
}

/** What is pointed at, word and pixel by the keys, and where the mouse is on the page. */
export interface Hover {
  word: number | null;
  pixel: Point | null;
  mouse: [number, number] | null;
}

/** What the parts of the explorer share. */
export interface Explorer {
  model: Model<Traits>;
  about: About;
  store: Store;
  chosen: Chosen;
  hover: Hover;
  palettes: { sequential: Palette; diverging: Palette };
  /** the runs' pictures, in grey, once they are decoded */
  grey: (HTMLCanvasElement | null)[];
  coloured: Coloured;
  /** the colour scale that is held */
  held: (Range & { signed: boolean }) | null;
}

/** What a handler may do: each only notes what is wanted and has the next frame drawn. */
export interface Actions {
  /** `stale`: the maps have to be coloured again. */
  request(stale?: boolean): void;
  point(what: Partial<Hover>): void;
  change(what: Partial<Chosen>): void;
  lockWord(k: number): void;
  /** Lock the pixel at a point, or let it go where it is locked; null lets any go. */
  lockPixel(point: Point | null): void;
}

/** The elements that are drawn on. */
export interface Stage {
  root: HTMLElement;
  words: WordButtons;
  /** what the colours mean */
  scale: HTMLElement;
  canvas: HTMLCanvasElement;
  caption: HTMLElement;
  colourBar: ColourBar;
  bars: Bars;
  looks: { canvas: HTMLCanvasElement; note: HTMLElement };
  /** what a screen reader hears */
  live: HTMLElement;
}

// What the EditLab and Python tell each other (styledit/lab/PROTOCOL.md), and what the lab's parts share.
import type { Asker, Bytes, Led, Model, Progress } from "../shared/types.js";

export type SourceKind = "sample" | "upload" | "seed" | "challenge";

export interface Mask {
  width: number;
  height: number;
  /** how many cells are kept, painted, and so on in turn */
  runs: number[];
}

export type ByWord = Record<string, number>;

export interface Settings {
  guidance: number;
  tau_v: number;
  tau_v_changed: number | null;
  tau_v_padding: number | null;
  tau_c: number;
  tau_s: number;
  tau_u: number;
  blend_threshold: number;
  guide_from_source: boolean;
  keep_details: boolean;
  tau_c_words: ByWord;
  tau_v_words: ByWord;
  reweight: ByWord;
  blend: string[];
  mask: Mask | null;
}

export type NumberSetting = "guidance" | "tau_v" | "tau_c" | "tau_s" | "tau_u" | "blend_threshold";

/** The edit that the controls say. */
export interface EditRequest {
  prompt: string;
  settings: Settings;
  method: string;
  /** Of any method, by name; a method takes those of its own. */
  parameters: Parameters;
  auto: boolean;
}

export type Parameters = Record<string, number>;

/** A number that only one method takes. */
export interface Parameter {
  name: string;
  label: string;
  hint: string;
  least: number;
  most: number;
  step: number;
  default: number;
  /** What a contact sheet begins with. */
  values: number[];
}

export interface Method {
  name: string;
  hint: string;
  /** Whether each step of its edit takes the source's step along. */
  follows: boolean;
  /** Why it does not read a setting. */
  ignored: Record<string, string>;
  parameters: Parameter[];
}

/** What a contact sheet can vary. */
export interface AxisKind {
  name: string;
  label: string;
  short: string;
  kind: "number" | "switch" | "words" | "method" | "prompt";
  /** What it begins with. */
  values: (number | string)[];
  least: number | null;
  most: number | null;
  by_word: boolean;
  whole: boolean;
}

/** What a request for a contact sheet says of its rows or columns. */
export interface Axis {
  name: string;
  values: string[];
  word: string;
}

export interface Slot {
  label: string;
  words: string[];
}

export interface Entry {
  name: string;
  prompt: string;
  thumb: Bytes;
  label?: string;
}

export interface Challenge extends Entry {
  label: string;
  target: string;
}

export type Weights = Record<string, number>;

export interface Guiding {
  terms: { name: string; label: string; hint: string }[];
  presets: { name: string; label: string; weights: Weights }[];
  starts: string[];
  iterations: number;
  most_iterations: number;
}

export interface World {
  size: [number, number];
  model: string;
  samples: Entry[];
  challenges: Challenge[];
  methods: Method[];
  axes: AxisKind[];
  most_tiles: number;
  slots: Slot[];
  words: string[];
  most_steps: number;
  mask_size: [number, number];
  guiding: Guiding;
}

/** What a request for a source names. */
export interface SourceParts {
  kind: SourceKind;
  name: string;
  seed: number;
  prompt: string;
  steps: number;
}

/** Two sources of the same `key` are the same picture with the same prompt. */
export interface KnownSource extends SourceParts {
  key: string;
}

export interface Source extends KnownSource {
  id: number;
  state: "inverting" | "inverted";
  picture: Bytes;
  reconstruction: Bytes | null;
  words: string[];
  note: string;
}

export interface StylePicture {
  kind: "sample" | "upload";
  name: string;
}

/** What was asked of a guided edit. */
export interface Guide {
  weights: Weights;
  iterations: number;
  start: string;
  seed: number;
  style: StylePicture | null;
}

/** What was asked for an edit, as a target or a line of the history has it. */
export interface Asked {
  prompt: string;
  settings: Settings;
  method: string;
  parameters: Parameters;
  guided: Guide | null;
  auto: boolean;
}

export interface Target extends Asked {
  id: number;
  words: { text: string; changed: boolean }[];
  removed: string[];
  suggested: Settings;
}

export type StepState = "kept" | "skipped" | "replayed" | "computed";

export interface Step {
  state: StepState;
  switches: Record<string, boolean>;
}

export interface Score {
  psnr: number;
  suggested_psnr: number | null;
  best: { psnr: number; request: EditRequest } | null;
  succeeded: boolean;
  verdict: string;
  truth: Bytes;
}

export interface Frame {
  id: number;
  serial: number;
  exact: boolean;
  method: string;
  picture: Bytes | null;
  mask: Bytes | null;
  seconds: number;
  first_step: number;
  steps: number;
  step_states: Step[];
  before: Bytes | null;
  score: Score | null;
}

export interface HistoryEntry extends Asked {
  id: number;
  name: string;
  source: KnownSource;
  thumb: Bytes;
}

/** A picture by name, or the number of a line of the history. */
export type Side = "source" | "reconstruction" | "edit" | "truth" | number;

export interface Compared {
  id: number;
  left: Side;
  right: Side;
  pictures: [Bytes | null, Bytes | null];
  psnr: number | null;
}

export interface TilePlace {
  row: number;
  column: number;
}

export interface Tile extends Asked, TilePlace {
  auto: boolean;
  picture: Bytes | null;
  exact: boolean;
  psnr: number | null;
  truth_psnr: number | null;
  succeeded: boolean | null;
  seconds: number | null;
}

export interface Sheet {
  id: number;
  title: string;
  rows: string[];
  columns: string[];
  /** Of all tiles, whose own settings have none. */
  mask: Mask | null;
  tiles: Tile[];
}

export interface FilmFrame {
  iteration: number;
  step: number;
  picture: Bytes;
  heat: Bytes | null;
}

export interface GuidedReport {
  id: number;
  running: boolean;
  asked: Guide;
  style: Bytes | null;
  iteration: number;
  iterations: number;
  step: number;
  steps: number;
  curves: Record<string, number[]>;
  film: FilmFrame[];
  stopped: "" | "done" | "stopped";
  evaluations: number;
  seconds: number;
}

/** What each step takes the clean picture to be. */
export interface StepPictures {
  id: number;
  source: Bytes[];
  edit: Bytes[];
}

export interface Saved {
  id: number;
  name: string;
  data: Bytes;
}

/** The step and the word that linked widgets are at. */
export interface Place {
  step: number | null;
  word: string | null;
}

/** Where a word looks, as it was asked for: bytes from nothing to its peak. */
export interface WordMap {
  id: number;
  word: string;
  width: number;
  height: number;
  values: Bytes;
}

/** The picture that a word's map is laid over. */
export type LookedAt = "edit" | "source";

/** Where the words of the edit look, and those that only the source has: bytes from nothing to each one's peak. */
export interface Looks {
  id: number;
  method: string;
  width: number;
  height: number;
  edit: Record<string, Bytes>;
  source: Record<string, Bytes>;
}

/** Python's traits; one that is not there yet is {}. */
export interface Traits {
  world: World;
  source: Partial<Source>;
  target: Partial<Target>;
  frame: Partial<Frame>;
  progress: Progress;
  problem: string;
  history: HistoryEntry[];
  present: { entry?: number; request?: number };
  compared: Partial<Compared>;
  sheet: Partial<Sheet>;
  sheets: { id: number; title: string }[];
  tile: Partial<TilePlace & { sheet: number; picture: Bytes }>;
  exported: Partial<Saved>;
  steps_shown: Partial<StepPictures>;
  guided: Partial<GuidedReport>;
  code: string;
  saved: Partial<Saved>;
  word_map: Partial<WordMap>;
  looks: Partial<Looks>;
  place: Place;
  led: Led;
}

/** When requests go to Python; see requests.js. */
export interface Flow {
  ask(request: EditRequest & { moving: boolean }): void;
  look(request: EditRequest): void;
  answered(id: number): void;
  waits(): boolean;
  forget(): void;
}

/** The edit that is wanted; see requests.js. */
export interface Edits {
  current: EditRequest;
  flow: Flow;
  nextId(): number;
  request(): EditRequest;
  onChange(reader: (current: EditRequest) => void): void;
  change(settings: Partial<Settings>, moving: boolean): void;
  changeParameters(parameters: Parameters, moving: boolean): void;
  jump(settings: Partial<Settings>): void;
  setPrompt(prompt: string): void;
  set(parts: Partial<EditRequest>): void;
  accept(target: Partial<Target>): void;
  revert(): void;
  close(): void;
}

export type SourceReader = (source: Partial<Source>, failed: boolean) => void;

/** The source that was asked for; see pending.js. */
export interface PendingSource {
  source(): Partial<Source>;
  readers: SourceReader[];
  begin(id: number, parts: SourceParts): void;
  arrived(): void;
  progressed(stage: string): void;
  failed(): boolean;
}

/** What the parts of the lab share. */
export interface Lab {
  model: Model<Traits>;
  root: HTMLElement;
  world: World;
  cleanups: (() => void)[];
  note: Asker;
  edits: Edits;
  pending: PendingSource;
  /** Pictures of the views, once they are there. */
  images: Record<string, HTMLImageElement>;
  source(): Partial<Source>;
  askSource(parts: Partial<SourceParts>, picture?: Bytes | null, target?: string | null): void;
  /** A sentence from the page itself. */
  say(sentence: string): void;
  /** A message that expects no answer. */
  send(message: object): void;
  onSource(reader: SourceReader): void;
  onTrait<Name extends keyof Traits & string>(name: Name, handler: (value: Traits[Name]) => void): void;
  onFrame(reader: (frame: Frame) => void): void;
  tellFrame(frame: Frame): void;
  // What one part offers to the others.
  stepsWanted(): number | undefined;
  sourcePrompt(): string;
  focusTarget(): void;
  forgetSettled(): void;
  compareWith(entry: number): void;
  /** Source and edit beside each other. */
  showSides(): void;
  forgetProblem(): void;
}

export interface DrawnCanvas {
  root: HTMLCanvasElement;
  redraw(): void;
  close(): void;
}

export type Picture = HTMLImageElement | HTMLCanvasElement;

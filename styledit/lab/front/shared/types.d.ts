/** Binary data of a trait, whichever view they come as. */
export type Bytes = DataView | ArrayBuffer | Uint8Array;

/** The page's end of a widget: `Traits` says which traits Python has. */
export interface Model<Traits> {
  get<Name extends keyof Traits & string>(name: Name): Traits[Name];
  on(event: string, handler: () => void): void;
  off(event: string, handler: () => void): void;
  /** A message to Python; raises where there is no kernel. */
  send(message: object, callbacks?: undefined, buffers?: Bytes[]): void;
}

/** What anywidget gives to `render`, which returns a function that ends everything. */
export interface Rendered<Traits> {
  model: Model<Traits>;
  el: HTMLElement;
}

/** What `element` takes as a child; null and undefined are left out. */
export type Child = Node | string | null | undefined;

/** What Python is doing; `stage` is "" where it rests. */
export interface Progress {
  stage: string;
  done: number;
  total: number;
}

/** Colours by number: red, green and blue of each of 256, one after another. */
export type Palette = Uint8ClampedArray<ArrayBuffer>;
export type Anchors = readonly (readonly [number, number, number])[];

/** The ends of a colour scale. */
export interface Range {
  low: number;
  high: number;
}

/** A map's sides, in cells. */
export interface Grid {
  h: number;
  w: number;
}

export interface SliderOptions {
  min?: number;
  max?: number;
  step?: number;
  value?: number;
  title?: string;
}

export interface Slider {
  root: HTMLElement;
  input: HTMLInputElement;
  output: HTMLOutputElement;
  set(value: number): void;
}

/** Whether another widget leads this one, and a number that grows whenever it did. */
export interface Led {
  id: number;
  linked: boolean;
}

/** Where the page stands, on its way to Python; see kernel.js. */
export interface Reporter {
  renew(): void;
  waits(): boolean;
  stop(): void;
}

/** Messages that expect an answer; see kernel.js. */
export interface Asker {
  ask(message: object, buffers?: Bytes[]): void;
  answered(): void;
  close(): void;
}

// A run's pictures as the page holds them, and which of them are shown.
import { addressOf, bytesOf } from "../shared/pictures.js";
/** @import { Bytes, Model } from "../shared/types.js" */
/** @import { FreshStep, Run, RunName, RunPictures, Traits } from "./types.js" */

const LATER = 2000; // ms after which addresses are given back: others are on the page by then

/** @param {Bytes} data */
function address(data) {
  return addressOf(bytesOf(data) ?? new Uint8Array());
}

/** A run's pictures as addresses, and its numbers, by index. */
export class Frames {
  /** @param {Partial<RunPictures>} run */
  constructor({ z = [], x0 = [], maps = [], scales = [], drift = [], exact = false }) {
    this.exact = exact;
    this.z = z.map(address);
    this.x0 = x0.map(address);
    this.maps = maps.map((data) => bytesOf(data) ?? new Uint8Array());
    this.scales = [...scales];
    this.drift = [...drift];
  }

  /** Give the addresses back. */
  free() {
    const addresses = [...this.z, ...this.x0];
    setTimeout(() => addresses.forEach((one) => URL.revokeObjectURL(one)), LATER);
  }
}

/** The frames of a denoising run, whole or on its way. */
export class RunFrames extends Frames {
  /** @param {Partial<RunPictures> & RunName & {id: number}} run */
  constructor(run) {
    super(run);
    this.id = run.id;
    this.guidance = run.guidance;
    this.values = run.values;
  }

  /**
   * A run that begins with this step.
   * @param {FreshStep} step
   */
  static beginningWith({ id, guidance, values, z, drift }) {
    return new RunFrames({ id, guidance, values, z: z.slice(0, 1), drift: drift.slice(0, 1) });
  }

  /**
   * Whether a step is its next one.
   * @param {FreshStep} step
   */
  continuesWith({ id, index }) {
    return this.id === id && this.x0.length === index;
  }

  /** @param {FreshStep} step */
  add({ z, x0, maps, scales, drift }) {
    this.z.push(address(z[z.length - 1]));
    this.x0.push(address(x0));
    this.maps.push(bytesOf(maps) ?? new Uint8Array());
    this.scales.push(scales);
    this.drift.push(drift[drift.length - 1]);
  }
}

/** What the page knows: where somebody stands, and the runs. */
export class PlayerState {
  /** @type {Frames | null} */
  inverted = null;
  /** @type {RunFrames | null} */
  run = null;
  /** @type {RunFrames | null} a run on its way */
  fresh = null;

  /** @param {Pick<Model<Traits>, "get">} model */
  constructor(model) {
    const view = model.get("view");
    this.world = model.get("world");
    this.last = this.world.timesteps.length;
    this.index = view.index;
    this.denoising = view.direction === "denoising";
    this.words = [...view.words];
    this.newest = Math.max(Date.now(), model.get("run").id ?? 0); // request
  }

  /**
   * Which pictures are shown, and at which index: a run on its way is shown as far as it has come.
   * @returns {{frames: Frames | null, at: number}}
   */
  shown() {
    if (!this.denoising) return { frames: this.inverted, at: this.index };
    if (this.fresh) return { frames: this.fresh, at: Math.min(this.index, this.fresh.x0.length - 1) };
    return { frames: this.run, at: this.index };
  }

  /** How far it is shown from the inversion; null where that is nothing to say. */
  drift() {
    const { frames, at } = this.shown();
    return this.denoising ? (frames?.drift[at] ?? null) : null;
  }

  /**
   * Other frames of the inversion.
   * @param {Partial<RunPictures>} run
   */
  takeInverted(run) {
    this.inverted?.free();
    this.inverted = run.z ? new Frames(run) : null;
  }

  /**
   * Another run; one on its way that is older goes.
   * @param {Run} run
   */
  takeRun(run) {
    if (this.fresh && this.fresh.id <= run.id) this.forgetFresh();
    this.run?.free();
    this.run = new RunFrames(run);
  }

  /**
   * The newest step of a run on its way.
   * @param {FreshStep} step
   * @returns {boolean} whether it is shown: a page that was opened in the middle waits for the whole
   */
  takeFresh(step) {
    if (step.index === 0) {
      this.forgetFresh();
      this.fresh = RunFrames.beginningWith(step);
    }
    if (!this.fresh?.continuesWith(step)) return false;
    this.fresh.add(step);
    return true;
  }

  forgetFresh() {
    this.fresh?.free();
    this.fresh = null;
  }

  free() {
    for (const frames of [this.inverted, this.run, this.fresh]) frames?.free();
  }
}

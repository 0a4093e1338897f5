// Steps on a clock, from one end to the other, and back where that is wanted.
import { clamped } from "../shared/geometry.js";
/** @typedef {{index: number, denoising: boolean, readonly last: number}} Position */

const TRIP = 4500; // ms from one end to the other, where the steps are neither too slow nor too fast
const [QUICKEST, SLOWEST] = [60, 320]; // ms a step
const PAUSE = 900; // ms at either end before the way back

export class Clock {
  speed = 1;
  /** there and back again */
  both = true;
  /** @type {Timer} */
  #timer;

  /**
   * @param {Position} position where it stands
   * @param {(index: number) => void} go
   * @param {() => void} stopped
   */
  constructor(position, go, stopped) {
    this.position = position;
    this.go = go;
    this.stopped = stopped;
  }

  get playing() {
    return this.#timer !== undefined;
  }

  start() {
    const { position } = this;
    if (position.index === this.#end) {
      if (this.both) position.denoising = !position.denoising;
      else position.index = position.last - this.#end;
    }
    this.#in(0);
    this.go(position.index);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.stopped();
  }

  get #end() {
    return this.position.denoising ? this.position.last : 0;
  }

  get #step() {
    return clamped(TRIP / this.position.last, QUICKEST, SLOWEST);
  }

  /** @param {number} milliseconds */
  #in(milliseconds) {
    this.#timer = setTimeout(() => this.#tick(), milliseconds / this.speed);
  }

  #tick() {
    const { position } = this;
    if (position.index !== this.#end) {
      this.go(position.index + (position.denoising ? 1 : -1));
      this.#in(position.index === this.#end ? PAUSE : this.#step);
    } else if (this.both) {
      position.denoising = !position.denoising;
      this.go(position.index);
      this.#in(this.#step);
    } else {
      this.stop();
    }
  }
}

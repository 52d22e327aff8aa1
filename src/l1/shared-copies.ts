/** What the shared table knows of copies of its entries on a disk. */
import type { CopiedView, CopyWatch, TableCopies } from './copies'
import type { SharedIsolate } from './shared-isolate'

export class SharedCopies implements TableCopies {
  readonly regionId: string
  readonly #shared: SharedIsolate
  readonly #viewOf: (namespace: string) => CopiedView

  constructor(shared: SharedIsolate, viewOf: (namespace: string) => CopiedView) {
    this.regionId = shared.native.regionId
    this.#shared = shared
    this.#viewOf = viewOf
  }

  watch(watch: CopyWatch): void {
    this.#shared.copies = watch
    this.#shared.native.useDisk()
  }

  isWhole(): boolean {
    return this.#shared.native.isDiskWhole()
  }

  generation(first?: number): number {
    return first === undefined ? this.#shared.native.diskGeneration() : this.#shared.native.diskGeneration(first)
  }

  spill(name: number, isOver: boolean): void {
    this.#shared.native.spill(name, isOver)
  }

  isSpilling(): boolean {
    return this.#shared.native.isSpilling()
  }

  view(namespace: string): CopiedView {
    return this.#viewOf(namespace)
  }
}

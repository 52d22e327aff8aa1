// What happened, as lines: on the terminal, on the page, and to the program that started this one.

export interface Told {
  at: number
  /** 'crossing': a write served by the other host. 'redis': stopped or started. 'answers': how requests fared. 'note': anything else. */
  kind: 'crossing' | 'redis' | 'answers' | 'note'
  text: string
  /** The figures of the line. */
  figures: Readonly<Record<string, number | boolean | string>>
}

const KEPT = 40

export class Story {
  readonly #told: Told[] = []
  onTold: (() => void) | undefined

  tell(kind: Told['kind'], text: string, figures: object = {}): void {
    const told: Told = { at: Date.now(), kind, text, figures: { ...figures } }
    this.#told.push(told)
    if (this.#told.length > KEPT) this.#told.shift()
    console.log(`  ${new Date(told.at).toTimeString().slice(0, 8)}  ${text}`)
    if (process.connected) process.send?.({ type: 'told', told }, undefined, undefined, () => {})
    this.onTold?.()
  }

  /** Newest first. */
  latest(count: number): Told[] {
    return this.#told.slice(-count).reverse()
  }
}

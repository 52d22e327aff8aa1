/** What the terminal shows while a benchmark runs: one line, rewritten; lines of their own elsewhere. */

const isTerminal = process.stdout.isTTY === true && !process.env['CI']

export class Progress {
  #name = ''
  #total = 0
  #done = 0
  #started = 0

  begin(name: string, total: number): void {
    this.#name = name
    this.#total = total
    this.#done = 0
    this.#started = Date.now()
    if (!isTerminal) this.say(`… ${name}: ${total} measurements`)
  }

  step(text: string): void {
    this.#done++
    if (!isTerminal) return
    const share = `${this.#done}/${this.#total}`.padStart(9)
    process.stdout.write(`\r\x1b[K… ${this.#name} ${share}${this.#left()}  ${text}`.slice(0, (process.stdout.columns || 100) + 3))
  }

  end(): void {
    if (isTerminal) process.stdout.write('\r\x1b[K')
    this.say(`✓ ${this.#name}: ${this.#done} measurements in ${Math.round((Date.now() - this.#started) / 1000)} s`)
  }

  say(text: string): void {
    process.stdout.write(`${isTerminal ? '\r\x1b[K' : ''}${text}\n`)
  }

  #left(): string {
    const before = this.#done - 1
    if (before < 3) return ''
    const seconds = ((Date.now() - this.#started) / before) * (this.#total - before) / 1000
    return seconds > 90 ? `  ${Math.round(seconds / 60)} min left` : `  ${Math.round(seconds)} s left`
  }
}

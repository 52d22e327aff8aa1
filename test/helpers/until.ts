import { setTimeout as pause } from 'node:timers/promises'

/** Waits for a state, looking often; fails with the state's name when it has not come by the deadline. */
export async function until(
  state: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain: ${state}`)
    await pause(5)
  }
}

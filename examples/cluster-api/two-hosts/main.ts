// npm start -- --redis: two simulated hosts, each a small cluster on a cache of its own, with one Redis between them.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openPage, type Page } from './server'
import { Stage } from './stage'
import { runTour } from './tour'

// Memory of simulated hosts lies where memory of hosts does.
if (process.env.TMPDIR === undefined && existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'

async function main(): Promise<void> {
  const { values: { tour: endsAfterTour = false } } = parseArgs({ options: { tour: { type: 'boolean' } } })
  let isEnding = false
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => (end = () => { isEnding = true; resolve() }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  // Started by a program that is gone: nobody is left to stop this one.
  process.once('disconnect', end)

  const stage = await Stage.open()
  let page: Page | undefined
  try {
    page = await openPage(stage)
    announce(stage, page)
    const tour = runTour(stage, () => isEnding)
    if (endsAfterTour) await Promise.race([tour, ended])
    // Who plays with the buttons meanwhile may well spoil it.
    else tour.catch((error: Error) => stage.story.tell('note', `the tour ended early: ${error.message}`))
    if (!endsAfterTour) await ended
    else if (isEnding) tour.catch(() => {})
  } finally {
    await page?.close()
    await stage.close()
    if (process.connected) process.disconnect()
  }
}

function announce({ hosts, redis }: Stage, { url }: Page): void {
  const [a, b] = hosts
  if (process.connected) process.send?.({ type: 'ready', url, hosts: hosts.map(({ name, url, pid }) => ({ name, url, pid })), redis: redis.url })
  console.log(`
  ${url.padEnd(28)} both hosts and their Redis: write here, stop and start it
  ${a.url.padEnd(28)} host A, its own page
  ${b.url.padEnd(28)} host B, its own page

  By hand: curl -X PUT -d 'hello' ${a.url}/api/notes/mine; curl ${b.url}/api/notes/mine
  Ctrl+C stops it all. The tour begins:
`)
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})

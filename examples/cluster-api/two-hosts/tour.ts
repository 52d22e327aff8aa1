// The tour: writes that cross, Redis away while the hosts answer, Redis back.
import { setTimeout as pause } from 'node:timers/promises'
import { shown, type Stage } from './stage'

const ROUNDS = 6
const AWAY_MS = Math.min(60_000, Number(process.env.AWAY_MS ?? 6_000))
const IN_STEP_MS = 20_000
const LOOK_MS = 100

/** Resolves at its end; early when `isEnding` says so. */
export async function runTour(stage: Stage, isEnding: () => boolean): Promise<void> {
  const { story, hosts: [a, b] } = stage
  await inStep(stage)
  story.tell('note', 'both hosts are in step with Redis')
  const times: number[] = []
  for (let round = 0; round < ROUNDS && !isEnding(); round++) times.push((await stage.cross(round % 2 === 0 ? a : b)).ms)
  if (isEnding()) return
  times.sort((x, y) => x - y)
  story.tell('note', `${times.length} writes, each served by the other host after ${shown(times[Math.floor(times.length / 2)]!)} (median), ${shown(times.at(-1)!)} (slowest)`)

  await stage.stopRedis()
  const windows = stage.traffic.map((traffic) => traffic.window())
  const written = await stage.writeAlone(a)
  for (let waited = 0; waited < AWAY_MS && !isEnding(); waited += LOOK_MS) await pause(LOOK_MS)
  windows.forEach(({ answers: { answered, failed, slowestMs }, end }, index) => {
    end()
    story.tell('answers', `without Redis ${stage.hosts[index]!.name} gave ${answered} answers, ${failed === 0 ? 'none failed' : `${failed} failed`}, the slowest took ${shown(slowestMs)}`, { answered, failed, slowestMs, host: stage.hosts[index]!.name })
  })
  if (isEnding()) return

  await stage.startRedis()
  const crossing = await written.servedBy(b, performance.now())
  story.tell('crossing', `${b.name} serves what ${a.name} wrote meanwhile, ${shown(crossing.ms)} after Redis is back`, { ...crossing, wasAway: true })
  await inStep(stage)
  story.tell('note', 'both hosts are in step again, nothing waits')
}

async function inStep(stage: Stage): Promise<void> {
  const endMs = performance.now() + IN_STEP_MS
  while (!await stage.isInStep()) {
    if (performance.now() > endMs) throw new Error(`the hosts were not in step with Redis after ${IN_STEP_MS} ms`)
    await pause(LOOK_MS)
  }
}

// Draws how the host stands: one state per second, of which the rates are the differences.
const rate = (pick, now, before) => (before && now.at > before.at ? (Math.max(0, pick(now) - pick(before)) * 1000) / (now.at - before.at) : 0)
const SERIES = [
  ['records', 'recordRate', ({ journal }) => journal.settled],
  ['invalidations', 'invalidationRate', ({ cache }) => cache.invalidations],
  ['fills', 'fillRate', ({ cache }) => cache.fills],
]
const feel = (id, value, mood) => {
  text(id, value)
  $(id).dataset.mood = mood
}

function show(state) {
  const { cache, link, leader, journal, breaker, deadLetters } = state
  const before = history.at(-2)
  text('name', `daemon for ${cache.name}`)
  text('summary', link.isDegraded ? 'Changes of other hosts may be missed: entries are checked, or served until their ttl.' : 'In step with the other hosts.')
  feel('link', link.isDegraded && link.state === 'connected' ? 'silent' : link.state, link.isDegraded ? (link.state === 'lost' ? 'bad' : 'fair') : 'good')
  text('heard', link.silentMs === null ? 'nothing heard yet' : `all heard up to ${(link.silentMs / 1000).toFixed(1)} s ago`)
  text('term', leader.term === 0 ? 'none' : `term ${number(leader.term)}`)
  text('leader', leader.pid === 0 ? 'nobody has led yet' : `process ${leader.pid}`)
  text('ratio', cache.hits + cache.misses === 0 ? '–' : percent(cache.hitRatio))
  const reads = ({ cache: { hits, misses } }) => hits + misses
  text('reads', `${number(rate(reads, state, before))} reads per second`)
  text('pending', size(journal.pendingBytes))
  text('journal', `wait for Redis, ${size(journal.capacityBytes)} at most`)
  $('fill').style.width = `${Math.min(100, (100 * journal.pendingBytes) / Math.max(1, journal.capacityBytes))}%`
  feel('breaker', breaker, breaker === 'closed' ? 'good' : 'bad')
  text('breakerWhy', breaker === 'closed' ? 'misses ask Redis' : 'misses go to the loader')
  text('used', size(cache.liveBytes))
  text('entries', `${number(cache.entries)} entries, ${size(cache.memoryBytes)} at most`)
  $('tableFill').style.width = `${Math.min(100, (100 * cache.liveBytes) / Math.max(1, cache.memoryBytes))}%`
  for (const [, id, pick] of SERIES) text(id, number(rate(pick, state, before)))
  const rates = SERIES.map(([name, , pick]) => [name, history.slice(1).map((now, index) => rate(pick, now, history[index]))])
  text('top', `${number(drawLines($('chart'), rates))}/s`)
  text('totals', `${number(journal.committed)} records written, ${number(journal.settled)} settled, ${number(journal.coalesced)} replaced by a later one, ${number(journal.resent)} sent again; ${number(cache.invalidations)} invalidations, ${number(cache.revalidations)} entries checked, ${number(cache.evictions)} evicted.`)
  showLetters(deadLetters)
}

function showLetters({ total, latest }) {
  text('deadTotal', total === 0 ? 'none' : number(total))
  $('noLetters').hidden = total > 0
  $('letters').hidden = latest.length === 0
  $('letterRows').replaceChildren(...latest.map(({ timeMs, op, bytes, reason }) => {
    const row = document.createElement('tr')
    for (const value of [new Date(timeMs).toLocaleTimeString(), op, number(bytes), reason]) row.insertCell().append(value)
    row.cells[2].className = 'figure'
    return row
  }))
}

follow(show)

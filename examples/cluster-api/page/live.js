// Draws what /events sends: one snapshot per second, the last two minutes first.
const TIERS = ['l0', 'l1', 'l2', 'wait', 'load']
const answered = ({ byTier }) => TIERS.reduce((sum, tier) => sum + byTier[tier], 0)
const hitRatio = (figures) => (answered(figures) ? 1 - figures.byTier.load / answered(figures) : undefined)

function show(snapshot) {
  const { total, lastSecond, cache, members } = snapshot
  const processes = new Set(members.map((member) => member.pid)).size
  const threads = members.filter((member) => member.label !== 'process').length
  const isShared = cache.kind === 'shared memory'
  text('summary', `${processes} processes${threads ? ` and ${threads} threads` : ''}${isShared ? ' on one cache in shared memory' : `: ${cache.kind}, nothing is shared`}.${cache.redis ? ` Redis: ${cache.redis.isDegraded ? 'away, changes of other hosts may be missed' : 'in step'}, ${size(cache.redis.pendingBytes)} of writes on the way.` : ''} Up for ${duration(snapshot.uptimeS)}.`)
  $('l2').hidden = !cache.redis
  text('l1', isShared ? 'shared memory' : "this isolate's table")
  text('rate', number(lastSecond.requests))
  text('requests', `${number(total.requests)} in all${total.errors ? `, ${number(total.errors)} failed` : ''}`)
  const ratio = hitRatio(lastSecond) ?? hitRatio(total)
  text('ratio', ratio === undefined ? '–' : percent(ratio))
  text('tiers', answered(total) ? `l0 ${percent(total.byTier.l0 / answered(total))}, l1 ${percent(total.byTier.l1 / answered(total))} in all` : '')
  const recent = lastSecond.requests ? lastSecond : total
  text('latency', time(recent.p50))
  text('latencyHigh', total.requests ? `p99 ${time(recent.p99)}, ${time(total.p99)} in all` : '')
  text('loads', number(total.byTier.load))
  text('loadRate', `${number(lastSecond.byTier.load)} in the last second`)
  text('used', size(cache.used))
  text('entries', `${number(cache.entries)} entries, ${size(cache.capacity)} at most`)
  $('fill').style.width = `${cache.capacity ? Math.min(100, (100 * cache.used) / cache.capacity) : 0}%`
  const { ownBytes, sharedBytes } = snapshot.processes
  text('memory', ownBytes ? size(ownBytes + sharedBytes) : '–')
  $('quiet').hidden = total.requests > 0
  showMembers(members)
}

function showMembers(members) {
  const rows = members.map(({ pid, label, total, lastSecond }) => {
    const row = document.createElement('tr')
    const isProcess = label === 'process'
    row.className = isProcess ? 'process' : 'thread'
    const bar = document.createElement('span')
    bar.className = 'bar'
    bar.title = TIERS.map((tier) => `${tier} ${number(total.byTier[tier])}`).join(', ')
    for (const tier of TIERS) {
      const part = document.createElement('i')
      part.className = tier
      part.style.flexGrow = total.byTier[tier]
      bar.append(part)
    }
    const cells = [isProcess ? `process ${pid}` : label, number(lastSecond.requests), number(total.requests), bar,
      number(total.byTier.load), time(total.p50), time(total.p99)]
    cells.forEach((content, index) => {
      const cell = row.insertCell()
      cell.append(content)
      if (index > 0 && index !== 3) cell.className = 'figure'
    })
    return row
  })
  $('members').replaceChildren(...rows)
}

function draw() {
  const [width, height] = [600, 160]
  const highest = Math.max(10, ...history.map((snapshot) => answered(snapshot.lastSecond)))
  const x = (index) => width - ((history.length - 1 - index) * width) / (SPAN - 1)
  const floor = history.map(() => 0)
  const paths = TIERS.map((tier) => {
    const lower = [...floor]
    history.forEach(({ lastSecond }, index) => { floor[index] += lastSecond.byTier[tier] })
    const points = (levels) => levels.map((level, index) => `${x(index).toFixed(1)} ${(height - (level / highest) * (height - 8)).toFixed(1)}`)
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    path.setAttribute('class', `area-${tier}`)
    path.setAttribute('d', `M${points(floor).join('L')}L${points(lower).reverse().join('L')}Z`)
    return path
  })
  $('chart').replaceChildren(...paths)
  text('top', `${number(highest)}/s`)
}

follow((latest) => { show(latest); draw() })

$('send').onclick = async () => {
  $('send').disabled = true
  try {
    const packages = await (await fetch('/api/packages')).json()
    const kinds = [(name) => `/readme/${name}`, (name) => `/api/packages/${name}`, (name) => `/graph/${name}`, (name) => `/api/search?q=${encodeURIComponent(name)}`]
    let left = 300
    const lane = async () => {
      while (left-- > 0) {
        // Some pages are wanted far more often than others, as everywhere.
        const { name } = packages[Math.floor(packages.length * Math.random() ** 3)]
        await (await fetch(kinds[Math.floor(Math.random() * kinds.length)](name))).arrayBuffer()
      }
    }
    await Promise.all(Array.from({ length: 6 }, lane))
    text('said', 'Sent. The second time most of them need no load.')
  } catch {
    text('said', 'The server did not answer.')
  }
  $('send').disabled = false
}

$('clear').onclick = async () => {
  await fetch('/api/clear', { method: 'POST' }).catch(() => {})
  text('said', 'Emptied, for every process at once.')
}

// Draws both hosts, one set of figures per second; the buttons do what the tour does.
const hosts = [...document.querySelectorAll('.host')]
const act = (path) => fetch(path, { method: 'POST' }).catch(() => {})

hosts.forEach((section, index) => {
  section.append($('host').content.cloneNode(true))
  const button = section.querySelector('button')
  button.textContent = `Write on host ${'AB'[index]}`
  button.onclick = () => act(`/api/write/${'ab'[index]}`)
})
$('toggle').onclick = async () => {
  $('toggle').disabled = true
  await act(`/api/redis/${history.at(-1)?.redis.isRunning ? 'stop' : 'start'}`)
}

function show({ redis, hosts: figures, story }) {
  const answered = figures.reduce((sum, host) => sum + host.answered, 0)
  const failed = figures.reduce((sum, host) => sum + host.failed, 0)
  text('summary', `${redis.isRunning ? 'Redis is there.' : 'Redis is away, and both hosts answer all the same.'} ${number(answered)} answers in the last second, ${failed ? `${number(failed)} failed` : 'none failed'}.`)
  text('redis', redis.isRunning ? 'running' : 'stopped')
  $('redis').dataset.mood = redis.isRunning ? 'good' : 'bad'
  text('redisWhere', `127.0.0.1:${redis.port}`)
  text('toggle', redis.isRunning ? 'Stop Redis' : 'Start Redis')
  if (history.at(-2)?.redis.isRunning !== redis.isRunning) $('toggle').disabled = false
  figures.forEach((host, index) => showHost(hosts[index], host))
  $('story').replaceChildren(...story.map(({ at, kind, text: told }) => {
    const item = document.createElement('li')
    const when = document.createElement('time')
    when.textContent = new Date(at).toLocaleTimeString('en', { hour12: false })
    const what = document.createElement('span')
    what.className = kind
    what.textContent = told
    item.append(when, what)
    return item
  }))
  draw()
}

function showHost(section, { name, url, link, isInStep, term, pendingBytes, entries, invalidations, answered, failed, slowestMs }) {
  const put = (selector, value) => { section.querySelector(selector).textContent = value }
  put('h2', name)
  put('.big', isInStep ? 'in step' : link === 'lost' ? 'on its own' : link)
  section.querySelector('.big').dataset.mood = isInStep ? 'good' : link === 'lost' ? 'bad' : 'fair'
  put('.answers', `${number(answered)} per second${failed ? `, ${number(failed)} failed` : ''}`)
  put('.slowest', time(slowestMs))
  put('.pending', size(pendingBytes))
  put('.invalidations', `${number(invalidations)} by the other host`)
  put('.entries', `${number(entries)} entries`)
  const link_ = section.querySelector('a')
  link_.href = url
  link_.title = `leader term ${term}`
}

function draw() {
  const series = [
    ['a', history.map(({ hosts: [a] }) => a.answered)],
    ['b', history.map(({ hosts: [, b] }) => b.answered)],
    ['failed', history.map(({ hosts: both }) => both.reduce((sum, host) => sum + host.failed, 0))],
  ]
  text('top', `${number(drawLines($('chart'), series.filter(([name, values]) => name !== 'failed' || values.some(Boolean))))}/s`)
  const step = 600 / (SPAN - 1)
  history.forEach(({ redis }, index) => {
    if (redis.isRunning) return
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
    rect.setAttribute('x', 600 - (history.length - index) * step)
    rect.setAttribute('width', step)
    rect.setAttribute('height', 160)
    $('chart').prepend(rect)
  })
}

follow(show)

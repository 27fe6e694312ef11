import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { LONG } from '../figures.ts'
import { makePlaces, type Places } from './places.ts'
import { native, scratch, seeded } from './support.ts'


interface Work {
  beginAny: (from: unknown, places: Places, random: () => number) => () => Promise<unknown>
}

describe('native: descriptors', () => {
  const { make } = scratch()
  const children = LONG ? 2000 : 40
  let places: Places

  before(() => {
    places = makePlaces(make, 'cloexec')
  })

  /** What a child has open: the three that it was given, and the directory that it reads. */
  const LIST = ['-l', '/proc/self/fd']

  // A sanitizer's runtime is not for them.
  const env = { ...process.env, LD_PRELOAD: '' }

  async function listed(): Promise<string[]> {
    const child = spawn('ls', LIST, { stdio: ['ignore', 'pipe', 'ignore'], env })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    await new Promise((resolve) => {
      child.once('close', resolve)
    })
    const found = text.split('\n').flatMap((line) => / -> (.*)$/.exec(line)?.[1] ?? [])
    assert.ok(found.length > 2, text)
    // Node gives its children sockets as pipes; the addon opens none.
    return found.filter((path) => !/^(\/dev\/null|(pipe|socket):\[\d+\]|\/proc\/\d+\/fd)$/.test(path))
  }

  it('one that is handed on would be seen', async () => {
    const fd = openSync(make('handed'), 0)
    // Node's own are close-on-exec, as ours have to be: this one is given to the child on purpose.
    const stdio = ['ignore', 'pipe', 'ignore', fd] as const
    const child = spawnSync('ls', LIST, { stdio: [...stdio], env, encoding: 'utf8' })
    closeSync(fd)
    assert.match(child.stdout, /handed/)
    assert.deepEqual(await listed(), [])
  })

  it(`none of ours is seen by ${String(children)} programs that are started while all kinds of work are under way`, async function () {
    this.timeout(60_000 + children * 1000)
    const { beginAny } = (await import(join(import.meta.dirname, 'work.mjs'))) as Work
    const random = seeded(4242)
    const begin = beginAny(native, places, random)
    let going = true
    let done = 0
    const again = async (): Promise<void> => {
      for (; going; done++) await begin()
    }
    const work = Array.from({ length: 8 }, again)
    const seen: string[] = []
    for (let each = 0; each < children; each++) {
      await sleep(random() * 3)
      seen.push(...(await listed()))
    }
    going = false
    await Promise.all(work)
    assert.deepEqual(seen, [])
    assert.ok(done > children, `only ${String(done)} pieces of work`)
  })

  const looks = LONG ? 20_000 : 400
  it(`each of ours is close-on-exec, in ${String(looks)} looks at all that are open while all kinds of work are under way`, async function () {
    this.timeout(60_000 + looks * 100)
    const { beginAny } = (await import(join(import.meta.dirname, 'work.mjs'))) as Work
    const begin = beginAny(native, places, seeded(777))
    const O_CLOEXEC = 0o2000000
    const left = new Set<string>()
    let seen = 0
    let going = true
    const work = Array.from({ length: 12 }, async () => {
      while (going) await begin()
    })
    const before = new Set(readdirSync('/proc/self/fd'))
    for (let look = 0; look < looks; look++) {
      for (const fd of readdirSync('/proc/self/fd')) {
        if (before.has(fd)) continue
        try {
          const path = readlinkSync(`/proc/self/fd/${fd}`)
          const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
          seen++
          if (flags !== null && (parseInt(flags[1]!, 8) & O_CLOEXEC) === 0) left.add(path)
        } catch {
          // It is closed already.
        }
      }
      if (look % 4 === 0) await sleep(0)
    }
    going = false
    await Promise.all(work)
    assert.deepEqual([...left], [])
    assert.ok(seen > looks, `only ${String(seen)} descriptors were seen`)
  })
})

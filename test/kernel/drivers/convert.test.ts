import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ConvertTarget, open } from 'graphdriver'
import { AT_FDCWD, getxattrSync, mknodatSync, setxattrSync } from 'graphdriver/sys'
import { setStepHook } from '#lib/store/step.js'
import { docker, makeDockerRoot } from '../../contract/docker.ts'
import { describeMounts } from '../namespace.ts'
import { codeOf } from '../store/support.ts'
import { onDisk, OPAQUE, rejects, S_IFCHR, storeAt, tars } from './convert-support.ts'

describeMounts('convert', (directory) => {
  let root: string
  beforeEach(() => {
    root = join(directory(), 'root')
  })
  afterEach(() => {
    setStepHook(undefined)
  })
  const { to, at, stamp, overlayStore } = storeAt(() => root)

  it('there and back: the same tars, to the byte, and the same layers, times included', async () => {
    await overlayStore()
    const [before, disk] = [await tars(root), onDisk(root)]
    const seen: unknown[] = []
    const there = await to('aufs', { onProgress: (progress) => seen.push(progress) })
    assert.deepEqual(there, { from: 'overlay', to: 'aufs', layers: 2, whiteouts: 3, opaque: 1, dropped: 0 })
    assert.deepEqual(seen, [
      { layers: 1, of: 2 },
      { layers: 2, of: 2 },
    ])
    assert.deepEqual(stamp(), { format: 1, driver: 'aufs', xattrs: null, state: 'ready' })
    assert.deepEqual((await readdir(at('top'))).sort(), ['.wh.deleted', '.wh.nobody', 'd'])
    assert.equal(existsSync(at('top/d/sub/.wh..wh..opq')), true)
    assert.ok(
      !onDisk(root).some((line) => line.includes('overlay') || line.includes('graphdriver')),
      'attributes left',
    )
    assert.equal(existsSync(join(root, 'work')), false)
    assert.deepEqual(await tars(root), before)
    const back = await to('overlay')
    assert.deepEqual(back, { ...there, from: 'aufs', to: 'overlay' })
    assert.deepEqual(onDisk(root), disk)
    assert.deepEqual(await tars(root), before)
    assert.deepEqual((await readdir(join(root, 'work'))).sort(), ['base', 'top'])
    const graph = await open({ root })
    assert.equal(graph.name, 'overlay')
    const view = await graph.get('top')
    assert.deepEqual((await readdir(view)).sort(), ['d', 'one', 'two'])
    assert.deepEqual((await readdir(join(view, 'd'))).sort(), ['file', 'sub'])
    assert.deepEqual(await readdir(join(view, 'd/sub')), ['new'])
    await graph.close()
  })

  it('a root of Docker’s: what it keeps for itself goes, and overlay shows what aufs showed', async () => {
    makeDockerRoot(root)
    const before = await tars(root)
    const result = await to('overlay')
    // Of each of three branches a file and two directories, and what was left over twice.
    assert.deepEqual(result, { from: 'aufs', to: 'overlay', layers: 4, whiteouts: 2, opaque: 1, dropped: 11 })
    assert.deepEqual(await tars(root), before)
    assert.ok(!onDisk(root).some((line) => line.includes('.wh.')))
    const graph = await open({ root })
    const view = await graph.get(docker.top)
    assert.deepEqual((await readdir(view)).sort(), ['bin', 'dev', 'etc', 'opt', 'root', 'var'])
    assert.deepEqual((await readdir(join(view, 'etc'))).sort(), ['hostname', 'passwd'])
    assert.deepEqual(await readdir(join(view, 'var/cache')), ['new'])
    assert.deepEqual((await readdir(join(view, 'root'))).sort(), ['.history'])
    await graph.close()
  })

  it('a deletion and an entry of one name in one layer: the entry stays, and a directory hides what is below', async () => {
    makeDockerRoot(root)
    for (const name of ['tmp/', 'pair/']) mkdirSync(at(docker.top, name))
    writeFileSync(at(docker.top, '.wh.pair'), '')
    writeFileSync(at(docker.top, 'plain'), 'x')
    writeFileSync(at(docker.top, '.wh.plain'), '')
    await to('overlay')
    for (const name of ['tmp', 'pair'])
      assert.equal(getxattrSync(at(docker.top, name), OPAQUE).toString(), 'y')
    assert.ok(lstatSync(at(docker.top, 'plain')).isFile())
    assert.ok(!(await readdir(at(docker.top))).some((name) => name.startsWith('.wh.')))
  })

  it('contents without metadata, and layers with broken metadata, are converted, too', async () => {
    makeDockerRoot(root, true)
    writeFileSync(at(docker.orphan, '.wh.x'), '')
    writeFileSync(join(root, 'layers', docker.top), 'cut')
    await to('overlay')
    assert.ok(lstatSync(at(docker.orphan, 'x')).isCharacterDevice())
    assert.ok(lstatSync(at(docker.top, 'tmp')).isCharacterDevice())
  })

  it('has nothing to do where the store is the other driver’s already', async () => {
    await overlayStore()
    const before = onDisk(root)
    assert.deepEqual(await to('overlay'), {
      from: 'aufs',
      to: 'overlay',
      layers: 0,
      whiteouts: 0,
      opaque: 0,
      dropped: 0,
    })
    assert.deepEqual(onDisk(root), before)
  })

  describe('interrupted', () => {
    /** A conversion that was aborted after its first layer. */
    async function halfWay(target: ConvertTarget): Promise<void> {
      const controller = new AbortController()
      setStepHook((name) => {
        if (name === 'converted a layer') controller.abort(new Error('enough'))
      })
      await assert.rejects(to(target, { signal: controller.signal }), /enough/)
      setStepHook(undefined)
      // What was under way ends behind the scenes.
      while (stamp()['state'] !== 'converting') await new Promise((resolve) => setImmediate(resolve))
    }

    async function settled(): Promise<void> {
      for (;;) {
        try {
          await to('overlay')
          return
        } catch (error) {
          if (codeOf(error) !== 'ERR_STORE_CONVERTING' && codeOf(error) !== 'ERR_STORE_IN_USE') throw error
        }
      }
    }

    it('cannot be opened, and says what to do; then it goes on', async () => {
      makeDockerRoot(root)
      const before = await tars(root)
      await halfWay('overlay')
      for (const options of [{}, { readOnly: true }, { driver: 'aufs' }, { driver: 'overlay' }]) {
        await rejects(
          open({ root, ...options }),
          'ERR_STORE_CONVERTING',
          /convert\(root, \{ to: 'overlay' \}\)/,
        )
      }
      await settled()
      assert.equal(stamp()['state'], 'ready')
      assert.deepEqual(await tars(root), before)
      const graph = await open({ root, driver: 'overlay' })
      await graph.close()
    })

    it('goes back as well', async () => {
      await overlayStore()
      const [before, disk] = [await tars(root), onDisk(root)]
      await halfWay('aufs')
      await settled()
      assert.deepEqual(onDisk(root), disk)
      assert.deepEqual(await tars(root), before)
    })

    it('in the middle of a directory: both forms at once, and the times elsewhere', async () => {
      await overlayStore()
      const disk = onDisk(root)
      await to('aufs')
      const [there, aufs] = [at('top/d'), onDisk(root)]
      // As a death leaves it: the new ones made, one old one gone, and what it was like written down.
      const halves = (): void => {
        const { atimeNs, mtimeNs } = lstatSync(there, { bigint: true })
        const times = BigInt64Array.of(
          atimeNs / 10n ** 9n,
          atimeNs % 10n ** 9n,
          mtimeNs / 10n ** 9n,
          mtimeNs % 10n ** 9n,
        )
        setxattrSync(there, 'trusted.graphdriver.times', Buffer.from(times.buffer))
        if (!existsSync(join(there, 'gone'))) mknodatSync(AT_FDCWD, join(there, 'gone'), S_IFCHR, 0, 0)
        writeFileSync(join(there, '.wh.gone'), '', { mode: 0o444 })
        setxattrSync(join(there, 'sub'), OPAQUE, Buffer.from('y'))
        rmSync(at('top/.wh.nobody'), { force: true })
        if (!existsSync(at('top/nobody'))) mknodatSync(AT_FDCWD, at('top/nobody'), S_IFCHR, 0, 0)
        utimesSync(there, 1, 1)
      }
      const half = (target: ConvertTarget): void => {
        const driver = target === 'aufs' ? 'overlay' : 'aufs'
        const text = { format: 1, driver, xattrs: 'trusted', state: 'converting', to: target }
        writeFileSync(join(root, 'graphdriver.json'), JSON.stringify(text))
      }
      const withoutTimes = (lines: string[]): string[] => lines.filter((line) => !/^[a-z]+\/ /.test(line))
      for (const [was, goal, wanted] of [
        ['overlay', 'overlay', disk],
        ['overlay', 'aufs', aufs],
        ['aufs', 'aufs', aufs],
      ] as const) {
        halves()
        half(was)
        await to(goal)
        assert.deepEqual(withoutTimes(onDisk(root)), withoutTimes(wanted), `${was}, then ${goal}`)
      }
    })
  })

  it('keeps to its layers: no link is followed', async () => {
    makeDockerRoot(root)
    const outside = join(directory(), 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, '.wh.x'), '')
    symlinkSync(outside, at(docker.top, 'link'))
    chmodSync(outside, 0o700)
    await to('overlay')
    assert.deepEqual(await readdir(outside), ['.wh.x'])
    assert.equal(existsSync(join(dirname(outside), 'x')), false)
  })
})

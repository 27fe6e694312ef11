import assert from 'node:assert/strict'
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open, type RetryEvent } from 'graphdriver'
import { mount } from 'graphdriver/sys'
import { describeOn } from '../working-drivers.ts'
import { codeOf, mountsBelow, scratchDirectory } from './support.ts'

const SLEEP = '/bin/sleep'

describeOn('overlay', 'a mount that a process keeps busy', () => {
  const scratch = scratchDirectory()
  let store: GraphDriver
  let path: string
  const running: ChildProcess[] = []
  let retries: RetryEvent[]
  const onRetry: ChannelListener = (message) => retries.push(message as RetryEvent)

  beforeEach(async () => {
    store = await open({ root: scratch.fresh(), driver: 'overlay', sync: 'none' })
    await store.create('base')
    await store.create('top', { parent: 'base' })
    path = await store.get('top')
    for (const name of ['held', 'library']) writeFileSync(join(path, name), 'x')
    for (const name of ['inside', 'proc']) mkdirSync(join(path, name))
    copyFileSync(SLEEP, join(path, 'program'))
    retries = []
    subscribe('graphdriver:retry', onRetry)
  })
  afterEach(async () => {
    unsubscribe('graphdriver:retry', onRetry)
    for (const child of running.splice(0)) await end(child)
    await store.close()
    assert.deepEqual(await mountsBelow(store.root), [])
  })

  /** Starts a program, and waits until it has become the one that it shall be. */
  async function start(
    command: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<ChildProcess> {
    const child = spawn(command, args, {
      stdio: 'ignore',
      ...options,
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    })
    running.push(child)
    await once(child, 'spawn')
    for (;;) {
      const name = readFileSync(`/proc/${String(child.pid)}/comm`, 'utf8').trim()
      if (name === 'sleep' || name === 'program') return child
      assert.equal(child.exitCode, null, `${command} ended`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** The path of a library that every program can load first. */
  function library(): string {
    const found = /\/\S+\/libm\.so\.6|\/\S+\/libm-[\d.]+\.so|\/\S*ld-musl\S*/.exec(
      readFileSync('/proc/self/maps', 'utf8'),
    )
    assert.ok(found)
    return found[0]
  }

  const inside = (): string => join(path, 'inside')
  const holders: Record<string, { start: () => Promise<ChildProcess>; words: () => string }> = {
    'its working directory': {
      start: () => start(SLEEP, ['600'], { cwd: inside() }),
      words: () => `(sleep): cwd ${inside()}`,
    },
    'an open file': {
      start: () => start('/bin/sh', ['-c', `exec sleep 600 < ${join(path, 'held')}`]),
      words: () => `(sleep): fd ${join(path, 'held')}`,
    },
    'an open file that was deleted': {
      start: () =>
        start('/bin/sh', ['-c', `exec 5> ${join(path, 'gone')}; rm ${join(path, 'gone')}; exec sleep 600`]),
      words: () => `(sleep): fd ${join(path, 'gone')} (deleted)`,
    },
    'its root': {
      // The program that runs is from outside: only the root is inside.
      start: () =>
        start(
          'perl',
          [
            '-e',
            'open(F, "/dev/null"); chroot($ARGV[0]) or die; chdir("/proc/self/cwd"); $0 = "sleep"; sleep 600',
            path,
          ],
          { cwd: '/' },
        ),
      words: () => `(sleep): root ${path}`,
    },
    'its program': {
      start: () => start(join(path, 'program'), ['600']),
      words: () => `(program): exe ${join(path, 'program')}`,
    },
    'a file in its memory': {
      start: async () => {
        const copy = join(path, 'library')
        copyFileSync(library(), copy)
        const child = await start(SLEEP, ['600'], { env: { LD_PRELOAD: copy } })
        // Its loader works a moment longer: it opens the file, maps it, and closes it.
        const at = (...names: string[]): string => join('/proc', String(child.pid), ...names)
        const isOpen = (): boolean =>
          readdirSync(at('fd')).some((fd) => {
            try {
              return readlinkSync(at('fd', fd)) === copy
            } catch {
              // Closed just now: the next look tells.
              return true
            }
          })
        while (!readFileSync(at('maps'), 'utf8').includes(copy) || isOpen())
          await new Promise((resolve) => setTimeout(resolve, 5))
        return child
      },
      words: () => `(sleep): map ${join(path, 'library')}`,
    },
    'a directory in a mount namespace of its own': {
      start: () => start('unshare', ['--mount', '--propagation', 'private', SLEEP, '600'], { cwd: inside() }),
      words: () => 'sleep',
    },
  }

  for (const [what, { start: begin, words }] of Object.entries(holders)) {
    if (what.includes('namespace')) continue
    it(`by ${what}: it is named, the reference stays, and put can be repeated`, async () => {
      const child = await begin()
      for (let turn = 0; turn < 2; turn++) {
        retries.length = 0
        await assert.rejects(store.put('top'), (error) => {
          const { message, detail } = error as Error & { detail?: string }
          assert.equal(codeOf(error), 'ERR_LAYER_BUSY')
          assert.ok(message.includes(`${String(child.pid)} ${words()}`), message)
          assert.ok(detail?.includes(String(child.pid)))
          return true
        })
        // Its patience has an end: so many tries, and no more.
        assert.deepEqual(
          retries.map(({ what: each, tries }) => [each, tries]),
          [1, 2, 3, 4].map((tries) => ['unmount', tries]),
        )
        const [layer] = (await store.list()).filter(({ id }) => id === 'top')
        assert.deepEqual([layer?.held, layer?.mounted], [true, true])
        assert.equal(readFileSync(join(path, 'held'), 'utf8'), 'x')
      }
      await end(child)
      await store.put('top')
      assert.deepEqual(await mountsBelow(store.root), [])
      await store.get('top')
    })
  }

  it('several of them: each is named', async () => {
    const children = [await holders['an open file']!.start(), await holders['its working directory']!.start()]
    await assert.rejects(store.put('top'), (error) => {
      return children.every(({ pid }) => (error as Error).message.includes(`${String(pid)} (sleep)`))
    })
  })

  it('by a copy in another mount namespace: nothing is mounted a second time, nor removed, and who has it is named', async () => {
    const child = await holders['a directory in a mount namespace of its own']!.start()
    await store.put('top')
    for (const work of [() => store.get('top'), () => store.remove('top')]) {
      await assert.rejects(work(), (error) => {
        assert.equal(codeOf(error), 'ERR_LAYER_IN_USE')
        assert.ok((error as Error).message.includes(`process ${String(child.pid)}, sleep`), String(error))
        return true
      })
    }
    await end(child)
    assert.deepEqual(readdirSync(await store.get('top')).sort(), [
      'held',
      'inside',
      'library',
      'proc',
      'program',
    ])
  })

  for (const where of ['mount', 'view'] as const) {
    it(`when the last reference is to a view, and the ${where} is what is busy: both stay, and put can be repeated`, async () => {
      await store.put('top')
      const view = await store.get('top', { readOnly: true })
      const child = await start(SLEEP, ['600'], { cwd: join(where === 'view' ? view : path, 'inside') })
      for (let turn = 0; turn < 2; turn++) {
        await assert.rejects(store.put('top'), (error) => {
          assert.equal(codeOf(error), 'ERR_LAYER_BUSY')
          return (error as Error).message.includes(`${String(child.pid)} (sleep)`)
        })
        assert.deepEqual((await mountsBelow(store.root)).sort(), [path, view].sort())
        assert.equal(readFileSync(join(view, 'held'), 'utf8'), 'x')
        assert.equal((await store.list()).find(({ id }) => id === 'top')?.held, true)
      }
      // A reference more, of either kind, is a reference more.
      assert.equal(await store.get('top', { readOnly: true }), view)
      assert.equal(await store.get('top'), path)
      await store.put('top')
      await store.put('top')
      await end(child)
      await store.put('top')
      assert.deepEqual(await mountsBelow(store.root), [])
      assert.deepEqual(readdirSync(join(store.root, 'views')), [])
    })
  }

  it('by a mount below it: it is named, and goes when that is asked for', async () => {
    await mount('proc', join(path, 'proc'), 'proc')
    await assert.rejects(store.put('top'), (error) => {
      assert.equal(codeOf(error), 'ERR_LAYER_BUSY')
      assert.ok((error as Error).message.includes(join(path, 'proc')))
      return true
    })
    await store.put('top', { recursive: true })
    assert.deepEqual(await mountsBelow(store.root), [])
  })

  it('is taken away all the same when that is asked for, and is nobody’s until it ends', async () => {
    const child = await holders['an open file']!.start()
    await store.put('top', { detach: true })
    assert.deepEqual(await mountsBelow(store.root), [])
    await assert.rejects(store.get('top'), (error) => codeOf(error) === 'ERR_LAYER_IN_USE')
    await end(child)
    await store.get('top')
  })

  it('when the store is closed: it says so, and gives back the rest', async () => {
    await store.create('other', { parent: 'base' })
    await store.get('other')
    const child = await holders['an open file']!.start()
    await assert.rejects(store.close(), (error) => codeOf(error) === 'ERR_LAYER_BUSY')
    assert.deepEqual(await mountsBelow(store.root), [path])
    await end(child)
    store = await open({ root: store.root })
    assert.deepEqual((await store.cleanup()).unmounted, ['top'])
  })
})

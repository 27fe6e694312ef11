import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { chmod, mkdir, readdir, rmdir, stat, symlink, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import { mountOverlay, overlayInUse, type OverlayToMount } from '#lib/sys/overlay.js'
import { mountPoints, rejects, stack, useStore } from '../../contract/support.ts'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'
import { itSince } from '../since.ts'

const { EACCES, EBUSY, EEXIST, EINVAL, ENOENT, ENOTDIR, EROFS } = constants.errno

/** Writes down which jobs the addon is given; the errno of one of them can be told. */
function watched(answers: Readonly<Record<string, number>> = {}): string[] {
  const jobs: string[] = []
  setBinding(
    new Proxy(binding(), {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function' || typeof name !== 'string' || name.endsWith('Sync')) return value
        return (...args: unknown[]): unknown => {
          jobs.push(name)
          return name in answers
            ? Promise.resolve(answers[name])
            : (value as (...args: unknown[]) => unknown)(...args)
        }
      },
    }),
  )
  return jobs
}

/** From this one on a tmpfs that is mounted nowhere can hold an overlay's upper (clone_private_mount(), fs/namespace.c). */
const TMPFS_NOWHERE = '6.15'

describeMounts('a layer mounted in one job', () => {
  const store = useStore('overlay')
  beforeEach(() => stack(store.graph, ['base', 'middle', 'top']))
  afterEach(() => {
    setBinding(undefined)
  })

  itSince(TMPFS_NOWHERE, 'is a job to read and one to mount, and one to unmount', async () => {
    const jobs = watched()
    await store.graph.get('top')
    assert.deepEqual(jobs.splice(0), ['readPair', 'mountOverlay'])
    await store.graph.put('top')
    assert.deepEqual(jobs, ['umount2'])
  })

  itSince(TMPFS_NOWHERE, 'is that, too, when its options take more than a page', async () => {
    await writeFile(store.at('diff/base/file'), '')
    const graph = await store.open({ overlay: { form: 'fsconfig' } })
    const jobs = watched()
    const path = await graph.get('top')
    assert.deepEqual(jobs.splice(0), ['readPair', 'mountNewOverlay'])
    assert.deepEqual(await readdir(path), ['file'])
    await graph.put('top')
    await graph.get('base', { readOnly: true })
    await graph.get('middle')
    assert.ok(jobs.includes('mountNewOverlay'))
    await graph.close()
  })

  it('is told of once', async () => {
    const events: object[] = []
    const listen = (event: unknown): void => void events.push(event as object)
    subscribe('graphdriver:mount', listen)
    try {
      const path = await store.graph.get('top')
      assert.deepEqual(
        events.map((event) => ({ ...event, milliseconds: 0 })),
        [{ target: path, type: 'overlay', form: 'mount', milliseconds: 0 }],
      )
    } finally {
      unsubscribe('graphdriver:mount', listen)
    }
    await store.graph.put('top')
  })

  it('is mounted step by step where something has to be made right first', async () => {
    const work = store.at('work/top')
    const mounted = async (): Promise<void> => {
      const path = await store.graph.get('top')
      assert.ok((await mountPoints(store.root)).includes(path))
      assert.equal((await stat(work)).mode & 0o7777, 0o700)
      await store.graph.put('top')
    }
    await chmod(work, 0o755)
    await mounted()
    await rmdir(join(work, 'work'))
    await rmdir(work)
    await mounted()
    await rmdir(store.at('mnt/top'))
    await mounted()
  })

  itSince(TMPFS_NOWHERE, 'is not tried again where the kernel does not take it', async () => {
    const jobs = watched({ mountOverlay: -EINVAL })
    for (let at = 0; at < 2; at++) {
      await store.graph.get('top')
      await store.graph.put('top')
    }
    assert.equal(jobs.filter((name) => name === 'mountOverlay').length, 1)
  })

  it('that somebody unmounted is given back all the same', async () => {
    const path = await store.graph.get('top')
    umount2Sync(path, 0)
    await store.graph.put('top')
    await rejects(store.graph.get('nothing'), 'ERR_LAYER_NOT_FOUND')
  })
})

type By = OverlayToMount['by']
type Change = Partial<Pick<OverlayToMount, 'target' | 'by'>>

/** The same options for each of the two ways. */
const WAYS: Readonly<Record<string, (options: Readonly<Record<string, string>>) => By>> = {
  'mount(2)': (options) => {
    const words = Object.entries(options).map(([key, value]) => `${key}=${value}`)
    return { flags: 0, data: words.join(',') }
  },
  'the newer calls': (options) => {
    const settings = Object.entries(options).map(([key, value]) => ({ key, value }))
    return { attributes: 0, settings }
  },
}

for (const [way, by] of Object.entries(WAYS))
  describeMounts(`what is in the way of an overlay, by ${way}`, (directory) => {
    const at = (...names: string[]): string => join(directory(), ...names)
    const upper = (): { directory: string; work: string } => ({ directory: at('u'), work: at('w') })
    const attempt = (change: Change = {}): Promise<number> =>
      mountOverlay({
        target: at('m'),
        by: by({ lowerdir: at('l'), upperdir: at('u'), workdir: at('w') }),
        upper: upper(),
        ...change,
      })

    async function refused(errno: number, change: Change = {}): Promise<void> {
      const [mounts, descriptors] = [await mountPoints(directory()), openDescriptors()]
      assert.equal(await attempt(change), -errno)
      assert.deepEqual([await mountPoints(directory()), openDescriptors()], [mounts, descriptors])
    }

    beforeEach(async () => {
      directories(directory(), 'l', 'u', 'm')
      await mkdir(at('w'), { mode: 0o700 })
    })

    it('is found before anything is mounted, and leaves no trace', async () => {
      await refused(ENOENT, { target: at('nothing') })
      await symlink('m', at('link'))
      await refused(ENOTDIR, { target: at('link') })
      await writeFile(at('file'), '')
      await refused(ENOTDIR, { target: at('file') })
      await refused(EINVAL, { by: by({ nonsense: 'x' }) })
      await chmod(at('w'), 0o755)
      await refused(EACCES)
      await chmod(at('w'), 0o700)
      await rmdir(at('w'))
      await refused(ENOENT)
    })

    itSince(TMPFS_NOWHERE, 'may be a mount, or a live one elsewhere', async () => {
      assert.equal(await attempt(), 0)
      assert.equal(await overlayInUse(at('u')), true)
      await refused(EEXIST)
      await mkdir(at('other'))
      await refused(EBUSY, { target: at('other') })
      umount2Sync(at('m'), 0)
      assert.equal(await overlayInUse(at('u')), false)
      await rejects(overlayInUse(at('nothing')), 'ENOENT', /open/)
    })

    itSince(
      TMPFS_NOWHERE,
      'may be a filesystem without room, on which the kernel makes it read-only',
      async () => {
        await mkdir(at('full'))
        // The root, four directories, and `work` in the work directory is one too many.
        mountSync('full', at('full'), 'tmpfs', 0, 'nr_inodes=5')
        const names = ['l', 'u', 'w', 'm'].map((name) => at('full', name))
        for (const name of names) await mkdir(name, { mode: 0o700 })
        const [lower, directory, work, target] = names as [string, string, string, string]
        const answer = await mountOverlay({
          target,
          by: by({ lowerdir: lower, upperdir: directory, workdir: work }),
          upper: { directory, work },
        })
        assert.equal(answer, -EROFS)
        assert.deepEqual(await mountPoints(at('full')), [at('full')])
        umount2Sync(at('full'), 0)
      },
    )
  })

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { GraphDriverError } from 'graphdriver'
import {
  ECRYPTFS_SUPER_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  PROC_SUPER_MAGIC,
  RAMFS_MAGIC,
  SyscallError,
  SYSFS_MAGIC,
  XFS_SUPER_MAGIC,
} from 'graphdriver/sys'
import { perform } from 'graphdriver/mount'
import { setBinding } from '#lib/sys/binding.js'
import { StatfsField } from '#lib/sys/stat-fields.js'
import { explainAufs } from '#lib/drivers/aufs/explain.js'
import type { AufsOptions } from '#lib/drivers/aufs/options.js'
import { makePlace, type Place, refusals, type Refused } from '../../../fake-aufs/refusals.ts'
import type { Build } from '../../../fake-aufs/rules.ts'
import { useFixture } from './fixture.ts'
import { classic, plan } from './stacks.ts'

/** One more, that takes another machine. */
interface Row extends Refused {
  readonly build?: Partial<Build>
  readonly options?: AufsOptions
}

describe('explanation of a failed aufs mount', () => {
  const store = useFixture()
  const at = (...names: string[]): string => store.at(...names)
  let place: Place
  let paths: string[] = []
  let xino = ''

  beforeEach(() => {
    place = makePlace(at)
    paths = place.paths
    xino = place.xino
  })

  /** A machine on which a directory of the place is on another filesystem. */
  const on = (name: string, type: number): Partial<Build> => ({
    filesystemOf: (path: string) => (path.includes(`/${name}`) ? type : undefined),
  })

  async function failure(row: Omit<Row, 'title' | 'words'>): Promise<SyscallError> {
    const { options = {}, label } = row
    const made = plan(paths, { options, xino, features: classic, ...(label === undefined ? {} : { label }) })
    const error = await perform(made, at('union')).then(
      () => assert.fail('it was mounted'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof SyscallError, String(error))
    assert.equal(error.code, row.code)
    return error.with({
      detail: await explainAufs(error, made, at('union'), store.kernel.rules.build.mostBranches),
    })
  }

  const rows: Row[] = [
    ...refusals,
    ...(
      [
        ['overlay', OVERLAYFS_SUPER_MAGIC, 'stacked already'],
        ['ecryptfs', ECRYPTFS_SUPER_MAGIC, 'cannot be a branch'],
        ['proc', PROC_SUPER_MAGIC, 'cannot be a branch'],
        ['sysfs', SYSFS_MAGIC, 'cannot be a branch'],
        ['ramfs', RAMFS_MAGIC, 'CONFIG_AUFS_BR_RAMFS'],
      ] as const
    ).map(([name, type, words]): Row => ({
      title: `a branch on ${name}`,
      code: 'EINVAL',
      build: on('ro2', type),
      words: new RegExp(`the branch .*ro2 is on ${name}, which .*${words}`),
    })),
    {
      title: 'a writable branch on a read-only superblock',
      code: 'EINVAL',
      build: { isReadOnly: (path) => path.endsWith('/rw') && 'superblock' },
      words: /the branch .*rw is to be written and lies on a read-only mount/,
    },
    {
      title: 'a writable branch on a read-only mount',
      code: 'EROFS',
      build: { isReadOnly: (path) => path.endsWith('/rw') && 'mount' },
      words: /the branch .*rw is to be written and lies on a read-only mount/,
    },
    {
      title: 'a table without room',
      code: 'ENOSPC',
      build: { isFull: (path) => path.includes('/xino') },
      words: /the xino file cannot be in .*xino: it takes room/,
    },
    {
      title: 'too many branches',
      code: 'ENOSPC',
      build: { mostBranches: 2 },
      words: /the union has 3 branches, and this kernel takes 2/,
    },
    {
      title: 'a xino file that is there, for a kernel before 5.10',
      code: 'EINVAL',
      build: { contexts: false },
      prepare: ({ xino }) => {
        writeFileSync(xino, '')
      },
      words: /the xino file .*xino\/table is there already/,
    },
    {
      title: 'a xino file on a filesystem that aufs refuses',
      code: 'EINVAL',
      build: on('xino', XFS_SUPER_MAGIC),
      words: /the xino file cannot be in .*xino: .* this is xfs/,
    },
    {
      title: 'an option that this aufs does not know',
      code: 'EINVAL',
      build: { unknown: ['udba'] },
      options: { udba: 'none' },
      words: /this aufs does not take the option udba=none/,
    },
  ]

  for (const row of rows) {
    it(`names ${row.title}`, async () => {
      store.boot(row.build)
      row.prepare?.(place)
      const error = await failure(row)
      assert.match(error.detail!, row.words)
      assert.ok(error.message.endsWith(error.detail!))
    })
  }

  it('names a branch that lies in the union', async () => {
    const made = plan([at('rw'), at('union', 'inner')], { xino })
    mkdirSync(at('union', 'inner'))
    const words = await explainAufs(new SyscallError('EINVAL', 'mount'), made, at('union'), 127)
    assert.match(words, /the branch .*union\/inner lies in the union itself/)
  })

  /** Errnos that the fake kernel has no way to come to. */
  const others: [code: string, words: RegExp][] = [
    ['EPERM', /CAP_SYS_ADMIN|user namespace/],
    ['EAGAIN', /maintenance of pseudo-links/],
    ['E2BIG', /more options than aufs takes.* 80/],
    ['ENOSYS', /the filesystem of .*rw .* may have no hard links/],
  ]
  for (const [code, words] of others) {
    it(`says what ${code} means`, async () => {
      assert.match(
        await explainAufs(new SyscallError(code, 'mount'), plan(paths, { xino }), at('union'), 127),
        words,
      )
    })
  }

  it('names a writable branch that takes only short names', async () => {
    const { native } = store.kernel
    const short: typeof native.statfs = async (path) => {
      const answer = await native.statfs(path)
      if (typeof answer !== 'number') answer[StatfsField.namelen] = 143n
      return answer
    }
    setBinding({ ...native, statfs: short })
    const words = await explainAufs(new SyscallError('EINVAL', 'mount'), plan(paths), at('union'), 127)
    assert.match(words, /the branch .*rw takes names of 143 bytes only, and aufs needs 255/)
  })

  describe('of a mount label', () => {
    // A kernel that has SELinux is asked whether its policy knows the label: then it is this process's own.
    const selinux = existsSync('/sys/fs/selinux/context')
    const label = selinux ? readFileSync('/proc/self/attr/current', 'latin1').replace('\0', '') : 'a:b:c'
    const labels: [title: string, files: Record<string, string | undefined>, words: RegExp][] = [
      [
        'names it where there is no SELinux',
        { '/sys/fs/selinux/enforce': undefined },
        /label .* was given .* takes a kernel with SELinux/,
      ],
      [
        'names it where SELinux has no policy yet',
        { '/sys/fs/selinux/enforce': '0', '/proc/self/attr/current': 'kernel\0' },
        /label .* was given .* has not loaded a policy/,
      ],
      [
        'rules it out where SELinux has one and says nothing against it',
        { '/sys/fs/selinux/enforce': '1', '/proc/self/attr/current': 'u:r:t:s0\0' },
        /^ruled out: .*the mount label/,
      ],
    ]
    for (const [title, files, words] of labels) {
      it(title, async () => {
        store.boot({}, { files })
        const made = plan(paths, { xino, label })
        assert.match(await explainAufs(new SyscallError('EINVAL', 'mount'), made, at('union'), 127), words)
      })
    }
  })

  it('says when aufs is gone', async () => {
    store.boot({}, { present: false })
    const words = await explainAufs(new SyscallError('ENODEV', 'mount'), plan(paths), at('union'), undefined)
    assert.match(words, /\/proc\/filesystems does not list it/)
  })

  it('says that a union is deep where the kernel does not say its limit', async () => {
    const many = Array.from({ length: 200 }, (_, index) => `/b${String(index)}`)
    const words = await explainAufs(new SyscallError('ENOSPC', 'mount'), plan(many), at('union'), undefined)
    assert.match(words, /200 branches, and most kernels take 127/)
  })

  it('lists what was ruled out when nothing is found', async () => {
    for (const [code, ...words] of [
      [
        'EINVAL',
        'every branch is a directory',
        'twice',
        'inside another',
        'filesystems',
        'xino',
        'label',
        'option',
      ],
      ['ENOSPC', 'number of branches', 'room'],
      ['ENOENT', 'every branch is a directory', 'its directory is there'],
      ['EIO', "aufs's own files", 'room'],
    ] as const) {
      const said = await explainAufs(new SyscallError(code, 'mount'), plan(paths, { xino }), at('union'), 127)
      assert.match(said, /^ruled out: .*The kernel's log may say more$/)
      for (const word of words) assert.ok(said.includes(word), `${code}: ${word}: ${said}`)
    }
    assert.match(await explainAufs(new SyscallError('ENOMEM', 'mount'), plan(paths), '/union', 127), /log/)
  })

  it('comes with the error of get', async () => {
    const graph = await store.open()
    for (const [id, parent] of [['a'], ['b', 'a']] as const) {
      await graph.create(id, parent === undefined ? {} : { parent })
    }
    rmSync(at('diff', 'a'), { recursive: true })
    await assert.rejects(graph.get('b'), (error: GraphDriverError) => {
      assert.deepEqual([error.code, error.id], ['ERR_LAYER_CORRUPT', 'a'])
      const { code, detail } = error.cause as SyscallError
      assert.equal(code, 'EINVAL')
      assert.match(detail!, /diff\/a cannot be used: ENOENT/)
      return true
    })
  })
})

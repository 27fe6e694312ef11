import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  createReadStream,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { unpack } from '#lib/archive/unpack.js'
import { resolveLimits } from '#lib/archive/limits.js'
import { binding } from '#lib/sys/binding.js'
import { UnpackJob } from '#lib/sys/unpack.js'
import { directory, file, tar } from '../../native/tarbytes.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { look, pieces } from './unpack-support.ts'

describeMounts('unpack: out of a file', (top) => {
  const at = (...names: string[]): string => join(top(), ...names)
  // Several times what is read at once, and no multiple of it.
  const body = Buffer.alloc(1_500_003, 'graphdriver ')
  const bytes = tar(directory('d'), file('d/large', body.toString()), file('small', 'x'))
  const digestOf = (tar: Uint8Array): string => `sha256:${createHash('sha256').update(tar).digest('hex')}`

  async function unpackFile(content: Buffer, before = 0): Promise<{ diffID: string; handle: FileHandle }> {
    writeFileSync(at('tar'), content)
    mkdirSync(at('layer'))
    const handle = await open(at('tar'))
    if (before > 0) await handle.read(Buffer.alloc(before), 0, before, null)
    const { diffID } = await unpack(at('layer'), handle)
    assert.deepEqual(readFileSync(at('layer/d/large')), body)
    assert.equal(readFileSync(at('layer/small'), 'utf8'), 'x')
    return { diffID, handle }
  }

  it('is read from where it stands to its end, whatever follows the end of the tar, and not closed', async () => {
    const tail = Buffer.alloc(700_000, 'behind')
    const { diffID, handle } = await unpackFile(Buffer.concat([Buffer.from('skip this'), bytes, tail]), 9)
    assert.equal(diffID, digestOf(Buffer.concat([bytes, tail])))
    assert.equal((await handle.read(Buffer.alloc(1), 0, 1, null)).bytesRead, 0)
    assert.equal((await handle.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString(), 'skip')
    await handle.close()
  })

  it('that is compressed is decompressed', async () => {
    const { diffID, handle } = await unpackFile(gzipSync(bytes, { level: 1 }))
    assert.equal(diffID, digestOf(bytes))
    await handle.close()
  })

  it('a stream of it is a stream', async () => {
    writeFileSync(at('tar'), bytes)
    mkdirSync(at('layer'))
    const stream = createReadStream(at('tar'), { highWaterMark: 10_000 })
    assert.equal((await unpack(at('layer'), stream)).diffID, digestOf(bytes))
  })

  it('may be a pipe', async () => {
    writeFileSync(at('tar'), bytes)
    execFileSync('mkfifo', [at('pipe')])
    mkdirSync(at('layer'))
    const writing = open(at('pipe'), 'w').then(async (end) => {
      await end.writeFile(bytes)
      await end.close()
    })
    const handle = await open(at('pipe'))
    const { diffID } = await unpack(at('layer'), handle)
    await writing
    await handle.close()
    assert.equal(diffID, digestOf(bytes))
  })

  it('that is cut, empty or too large is refused as any other tar is', async () => {
    mkdirSync(at('layer'))
    const refusal = async (content: Buffer, limit?: number): Promise<unknown> => {
      writeFileSync(at('tar'), content)
      await using handle = await open(at('tar'))
      const limits = limit === undefined ? {} : { bytes: limit }
      return await unpack(at('layer'), handle, { limits }).catch((error: unknown) => error)
    }
    const code = (error: unknown): string | undefined => (error as { code?: string }).code
    assert.equal(code(await refusal(bytes.subarray(0, 1_200_000))), 'ERR_ARCHIVE_TRUNCATED')
    assert.equal(
      code(await refusal(Buffer.alloc(0))),
      code(await unpack(at('layer'), pieces(Buffer.alloc(0), 1)).catch((error: unknown) => error)),
    )
    assert.equal(code(await refusal(bytes, 1_000_000)), 'ERR_ARCHIVE_LIMIT')
    assert.equal(code(await refusal(bytes, bytes.length)), undefined)
  })

  it('an abort ends it, and nothing stays open', async () => {
    mkdirSync(at('layer'))
    writeFileSync(at('tar'), tar(file('zeros', '')))
    // A hole: nothing but the end of the tar, for long.
    truncateSync(at('tar'), 2 ** 40)
    const before = openDescriptors()
    const handle = await open(at('tar'))
    const controller = new AbortController()
    const unpacking = unpack(at('layer'), handle, {
      signal: controller.signal,
      onProgress: ({ bytes: done }) => {
        if (done > 1_000_000) controller.abort(new Error('enough'))
      },
    })
    await assert.rejects(unpacking, { message: 'enough' })
    await handle.close()
    assert.deepEqual(openDescriptors(), before)
  })

  it('a failure to read it is told as that, once it is behind what was put', async () => {
    mkdirSync(at('layer'))
    const target = openSync(at('layer'), 'r')
    const job = await UnpackJob.start({
      directory: target,
      path: at('layer'),
      form: 'plain',
      limits: resolveLimits({}),
      hash: true,
    })
    closeSync(target)
    const unreadable = await open(at('tar'), 'w')
    job.put(tar(file('first', 'x')).subarray(0, 1024))
    job.readFrom(unreadable.fd)
    assert.throws(() => job.readFrom(unreadable.fd), { code: 'EALREADY' })
    await assert.rejects(job.end(), (error: NodeJS.ErrnoException) => {
      assert.deepEqual([error.code, error.syscall, error.path], ['EBADF', 'read', undefined])
      return true
    })
    await unreadable.close()
    assert.deepEqual(look(at('layer')), { first: 'file 644 "x"' })
  })

  it('may grow meanwhile: what is there when its end is reached belongs to it', async () => {
    writeFileSync(at('tar'), bytes.subarray(0, 300_000))
    const handle = await open(at('tar'))
    mkdirSync(at('layer'))
    appendFileSync(at('tar'), bytes.subarray(300_000))
    assert.equal((await unpack(at('layer'), handle)).diffID, digestOf(bytes))
    await handle.close()
  })

  it('where Node.js has no OpenSSL to lend, the digest is made all the same', async () => {
    const addon = binding() as { sha256: boolean }
    assert.equal(addon.sha256, true, 'this Node.js has one')
    addon.sha256 = false
    try {
      const { diffID, handle } = await unpackFile(bytes)
      assert.equal(diffID, digestOf(bytes))
      await handle.close()
    } finally {
      addon.sha256 = true
    }
  })
})

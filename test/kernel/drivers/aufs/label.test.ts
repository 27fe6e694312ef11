import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findMount } from 'graphdriver/mount'
import { getxattr } from 'graphdriver/sys'
import { itUnless } from '../../../skip.ts'
import { chain, describeAufs, ids, openAufs } from './machine.ts'

/** A context that the policy knows, with a comma where it has categories; the reason where there is none. */
function context(): { label: string } | { reason: string } {
  const path = '/sys/fs/selinux/initial_contexts/file'
  try {
    const file = readFileSync(path, 'latin1').split('\0')[0]!
    if (file.split(':').length < 3) return { reason: 'SELinux has not loaded a policy' }
    return { label: file.endsWith(':s0') ? `${file}:c0,c1` : file }
  } catch (error) {
    return { reason: `needs SELinux: ${path}: ${String((error as NodeJS.ErrnoException).code)}` }
  }
}

async function labelOf(path: string): Promise<string> {
  return (await getxattr(path, 'security.selinux')).toString('latin1').replace(/\0$/, '')
}

const found = context()
const reason = 'reason' in found ? found.reason : undefined

describeAufs('a mount label of aufs', (directory) => {
  const label = 'label' in found ? found.label : ''

  for (const form of ['mount', 'fsconfig', 'remount'] as const) {
    itUnless(reason, `is that of all files, and is told apart from others, by the form ${form}`, async () => {
      const root = join(directory(), 'root')
      const graph = await openAufs(root, { aufs: { form } })
      const layers = ids(100)
      await chain(graph, layers)
      writeFileSync(join(root, 'diff', layers[0]!, 'old'), '')
      const top = layers.at(-1)!
      const path = await graph.get(top, { mountLabel: label })
      // Quoted where there is a comma in it.
      const shown = (await findMount(path))!.superOptions.replaceAll('"', '')
      assert.ok(`,${shown},`.includes(`,context=${label},`), shown)
      writeFileSync(join(path, 'new'), '')
      for (const name of ['.', 'old', 'new']) {
        assert.equal(await labelOf(join(path, name)), label, name)
      }
      const second = await openAufs(root)
      assert.equal(await second.get(top, { mountLabel: label }), path)
      await graph.put(top)
      const mismatch = { code: 'ERR_MOUNT_MISMATCH', message: /label/ }
      await assert.rejects(graph.get(top), mismatch)
      await assert.rejects(graph.get(top, { mountLabel: `${label}-other` }), mismatch)
      await second.close()
      // What lies below has its own.
      assert.notEqual(await labelOf(join(root, 'diff', top, 'new')), label)
      await graph.close()
    })
  }

  itUnless(reason, 'that the policy does not know is refused, and the error names it', async () => {
    const graph = await openAufs(join(directory(), 'root'))
    await chain(graph, ['a', 'b'])
    await assert.rejects(graph.get('b', { mountLabel: 'nobody_u:object_r:nothing_t:s0' }), {
      code: 'EINVAL',
      detail: /nobody_u:object_r:nothing_t:s0 .*policy does not know/,
    })
    await graph.close()
  })
})

import { table } from '../table.ts'
import { paint } from '../terminal.ts'
import type { Verb } from '../verb.ts'

export const status: Verb = {
  name: 'status',
  summary: 'what the store is and what this machine can do with it',
  shape: 'DriverInfo: { driver, root, backingFilesystem, layers, mounted, held, orphans, features, aufs? }',
  looksOnly: true,
  async run(_input, context) {
    await using driver = await context.look()
    const data = await driver.info()
    const rows = (await driver.status()).filter(([label]) => label !== 'Held Here')
    return {
      data,
      text: (terminal) =>
        table(
          rows.map(([label, value]) => [paint(terminal, 'bold', label), value]),
          terminal,
        ),
    }
  },
}

import { ProcessL1 } from '../../src/l1/process-table'
import { l1TableContract } from '../contract/l1-table'
import { TABLE_BYTES } from '../contract/with-table'
import { suite } from '../helpers/suite'

suite('process table', (test) => {
  l1TableContract(test, async (body) => {
    const table = new ProcessL1({ memory: TABLE_BYTES })
    try {
      await body(table)
    } finally {
      table.close()
    }
  })
})

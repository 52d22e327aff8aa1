/**
 * What every near tier must do: the promises of `src/l1/table.ts`, as tests. `shared-table` and
 * `process-table` pass the same functions.
 */
import type { Test } from 'uvu'
import { ageContract } from './l1-age'
import { admissionContract } from './l1-admission'
import { fleetContract } from './l1-fleet'
import { invalidateContract } from './l1-invalidate'
import { leaseContract } from './l1-leases'
import { lifeContract } from './l1-life'
import { namespaceContract } from './l1-namespaces'
import { quotaContract } from './l1-quotas'
import { tagContract } from './l1-tags'
import { scanContract } from './l1-scan'
import { valueContract } from './l1-values'
import type { WithTable } from './with-table'

export function l1TableContract(test: Test, withTable: WithTable): void {
  scanContract(test, withTable)
  valueContract(test, withTable)
  lifeContract(test, withTable)
  leaseContract(test, withTable)
  namespaceContract(test, withTable)
  fleetContract(test, withTable)
  invalidateContract(test, withTable)
  tagContract(test, withTable)
  quotaContract(test, withTable)
  ageContract(test, withTable)
  admissionContract(test, withTable)
}

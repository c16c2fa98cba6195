// Warns before the month costs more than expected. It stops nothing.
@minValue(1)
param amount int

@description('First of a month. Azure refuses any other value once the budget exists.')
param startDate string
param email string

resource budget 'Microsoft.Consumption/budgets@2023-11-01' = {
  name: 'budget-consent-sync'
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: {
      forecast: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: [email]
      }
      actual: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: [email]
      }
    }
  }
}
